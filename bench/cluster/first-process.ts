/** When the first process of a Pod's container began, which nobody but the container itself tells to the hundredth. */
import { startExec } from '../../operator/kube/exec.ts';
import { execScript } from '../../operator/kube/exec-script.ts';
import { CONTAINER } from '../../operator/sandbox/pod/manifest.ts';
import type { Bed } from './bed.ts';

const COMMAND_MS = 30_000;
/** Of the start time in /proc. */
const TICKS_PER_SECOND = 100;
const SCRIPT = `
read -r line </proc/1/stat
set -- \${line##*) }
shift 19
read -r up idle </proc/uptime
echo "$1 $up $(date +%s.%N)"`;

/** @returns ms since 1970 by the node's clock, in steps of ten */
export async function firstProcessAt({ endpoint, namespace }: Bed, pod: string): Promise<number> {
  const { stdout } = await execScript(
    (request, options) => startExec(endpoint, { ...request, namespace, pod, container: CONTAINER }, options),
    SCRIPT,
    [],
    { deadlineMs: COMMAND_MS },
  );
  const [ticks = Number.NaN, up = Number.NaN, now = Number.NaN] = stdout.toString().trim().split(' ').map(Number);
  return 1000 * (now - (up - ticks / TICKS_PER_SECOND));
}
