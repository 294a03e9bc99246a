/** What models cost, where that is known. */
import { Money } from '../design/amounts.tsx';
import { counted } from '../design/time.ts';
import type { Spent } from '../timeline/model.ts';

export function Cost({ spent }: { spent: Pick<Spent, 'costUSD' | 'unpriced'> }) {
  if (spent.unpriced === 0) return <Money usd={spent.costUSD} />;
  const why = `${counted(spent.unpriced, 'call')} of models whose price is not known`;
  if (spent.costUSD === 0) return <span title={why}>unknown</span>;
  return (
    <span title={`without ${why}`}>
      over <Money usd={spent.costUSD} />
    </span>
  );
}
