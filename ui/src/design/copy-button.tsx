/** Copies a text and says that it did. */
import { Check, Copy } from 'lucide-react';
import { useEffect, useState } from 'react';
import { Button, IconButton } from './button.tsx';
import { copyText } from './copy-text.ts';
import { notify } from './toast.tsx';

type CopyProps = {
  /** What is copied, or how to get it when it is asked for. */
  text: string | (() => string);
  /** What it copies, as in «Copy branch name». */
  label: string;
  /** Shows the label instead of the icon alone. */
  labelled?: boolean;
  size?: 'small' | 'medium';
};

export function CopyButton({ text, label, labelled = false, size = 'small' }: CopyProps) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), 1_500);
    return () => clearTimeout(timer);
  }, [copied]);
  const copy = () => {
    copyText(typeof text === 'function' ? text() : text).then(
      () => setCopied(true),
      () => notify('The browser does not let this page copy; select the text and copy it yourself.', 'bad'),
    );
  };
  const icon = copied ? <Check size={14} aria-hidden="true" /> : <Copy size={14} aria-hidden="true" />;
  if (labelled) {
    return (
      <Button size={size} icon={icon} onClick={copy}>
        {copied ? 'Copied' : label}
      </Button>
    );
  }
  return (
    <IconButton label={copied ? 'Copied' : label} size={size} onClick={copy}>
      {icon}
    </IconButton>
  );
}
