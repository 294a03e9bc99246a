import { describe, expect, it } from '@jest/globals';
import { hostEntryOf, mayReceive, notSent } from './credential-binding.ts';

describe('the key of a model', () => {
  it.each([
    ['https://api.openai.com/v1', undefined, true],
    ['https://elsewhere.example', undefined, false],
    ['http://api.openai.com/v1', undefined, false],
    ['http://api.openai.com/v1', ['http://api.openai.com'], false],
    ['https://models.example', ['models.example'], true],
    ['https://models.example:8443', ['models.example'], true],
    ['http://models.example', ['models.example'], false],
    ['http://10.0.0.5:8000', ['10.0.0.5:8000'], false],
    ['http://models.example', ['http://models.example'], true],
    ['http://models.example:8000', ['http://models.example:9000'], false],
    ['https://models.example', ['http://models.example'], true],
    ['http://127.0.0.1:8080', ['127.0.0.1'], true],
    ['http://[::1]:8080', ['[::1]:8080'], true],
    ['http://localhost:8080', ['localhost'], true],
    ['http://localhost:8080', ['https://localhost'], false],
    ['http://ollama:11434', ['ollama:11434'], true],
    ['http://vllm.models.svc:8000', ['vllm.models.svc'], true],
    ['http://vllm.models.svc.cluster.local', ['.svc.cluster.local'], true],
    ['http://svc.example', ['svc.example'], false],
    ['http://127.0.0.1.example', ['127.0.0.1.example'], false],
    ['https://api.openai.com', [], false],
  ])('goes to %s when its Secret names %j: %s', (address, hosts, goes) => {
    expect(mayReceive(new URL(address), hosts, 'openai')).toBe(goes);
  });

  it.each(['https://models.example/v1', 'http://models.example:8000', 'http://127.0.0.1:1', 'http://ollama:11434'])(
    'goes where its Secret is written for: %s',
    (address) => {
      const url = new URL(address);
      expect(mayReceive(url, [hostEntryOf(url)], 'openai-compatible')).toBe(true);
      expect(mayReceive(new URL('http://other.example'), [hostEntryOf(url)], 'openai-compatible')).toBe(false);
    },
  );

  it.each([
    [
      'http://models.example:8000/v1',
      ['models.example'],
      'Secret k is not sent to models.example:8000 without TLS; write https:// in baseUrl, or allow it to be read on the way: kubectl annotate --overwrite secret k -n ns a/hosts=models.example,http://models.example:8000',
    ],
    [
      'http://api.openai.com',
      ['api.openai.com'],
      'Secret k is not sent to api.openai.com without TLS; write https:// in baseUrl.',
    ],
    ['https://b.example', ['a.example'], 'Secret k is for a.example (annotation a/hosts) and is not sent to b.example.'],
    ['https://b.example', [], 'Secret k is for no host (annotation a/hosts) and is not sent to b.example.'],
    [
      'http://b.example',
      undefined,
      "Secret k names no hosts, so it goes to the provider's own address only, not to b.example. Allow that host: kubectl annotate secret k -n ns a/hosts=http://b.example",
    ],
  ])('that does not go to %s for %j says why', (address, hosts, said) => {
    expect(notSent({ name: 'k', namespace: 'ns' }, new URL(address), hosts, 'a/hosts')).toBe(said);
  });
});
