/** The table of all settings: the only place that names them, and the source of docs/settings.md. */

export type Setting = {
  /** What it is without being set, in words. */
  default: string;
  /** One sentence for people, in Markdown. */
  meaning: string;
  /** Taken out of the environment once it was read, and never shown. */
  secret?: true;
};

export const SETTINGS = {
  PORT: { default: '`8000`', meaning: 'Port of the API and the page; `0` takes a free one.' },
  HOST: {
    default: '`127.0.0.1`; `0.0.0.0` in a container',
    meaning: 'Address to listen on.',
  },
  API_AUTH: {
    default: '`none`; `token` when `API_TOKEN` is set',
    meaning:
      'Who may call the API: `none` (everybody who reaches it), `token` (who sends `API_TOKEN` as a bearer token) or, on a cluster, `kubernetes` (who has the rights there). See [Who may call on a cluster](#who-may-call-on-a-cluster).',
  },
  API_TOKEN: { default: 'none', meaning: 'The bearer token for `API_AUTH=token`.', secret: true },
  API_USER_HEADER: {
    default: 'none',
    meaning:
      'Header in which an authenticating proxy names the user, such as `X-Forwarded-User`; the user is the author of sessions. Only with `API_TRUSTED_PROXIES` or `API_PROXY_SECRET`. See [Behind an authenticating proxy](#behind-an-authenticating-proxy).',
  },
  API_TRUSTED_PROXIES: {
    default: 'none',
    meaning:
      'Addresses and ranges that proxies in front connect from, separated by commas: `127.0.0.1,10.1.2.0/24`. They are believed about `API_USER_HEADER`, and about whom they have a request from (`X-Forwarded-For`, `X-Forwarded-Proto`).',
  },
  API_PROXY_SECRET: {
    default: 'none',
    meaning: 'What the proxy sends as `X-Proxy-Secret` with each request, so that `API_USER_HEADER` is believed.',
    secret: true,
  },
  SWE_AGENT_ALLOWED_HOSTS: {
    default: 'none',
    meaning:
      'Further names under which the API is reached, separated by commas; `.example.com` allows all below it. Addresses and `localhost` need none.',
  },
  SWE_AGENT_STATE_DIR: {
    default: '`.swe-agent`',
    meaning: 'Folder of the state: objects, event log, blobs, kubeconfig. One process at a time uses it.',
  },
  SWE_AGENT_WORKSPACE: { default: '`./workspace`', meaning: "Folder under which each session's sandbox has its own directory." },
  SWE_AGENT_IN_CONTAINER: {
    default: 'found out',
    meaning: '`true` or `false` where looking for `/.dockerenv` and `/run/.containerenv` finds the wrong answer.',
  },
  LOG_LEVEL: { default: '`info`', meaning: "How much the process's own log says: `error`, `warn`, `info` or `debug`." },
  LOG_FORMAT: {
    default: '`auto`',
    meaning: '`text` (one line for people), `json` (one object a line), or `auto`: text on a terminal, else JSON.',
  },
  OPENAI_API_KEY: {
    default: 'none',
    meaning: 'Key for OpenAI, or for the server at `OPENAI_BASE_URL`. With it a profile for everybody is there from the start.',
    secret: true,
  },
  OPENAI_BASE_URL: {
    default: "OpenAI's own",
    meaning: 'Address of a server that speaks the OpenAI chat completions API, for example `http://localhost:11434/v1`.',
  },
  GOOGLE_API_KEY: {
    default: 'none',
    meaning: 'Key for Google Gemini. With it a profile of Gemini is there from the start.',
    secret: true,
  },
  ANTHROPIC_API_KEY: {
    default: 'none',
    meaning: "Key for Anthropic's Claude. With it a profile of Claude is there from the start.",
    secret: true,
  },
  AZURE_OPENAI_API_KEY: {
    default: 'none',
    meaning: 'Key for OpenAI models at Azure. With it and `AZURE_OPENAI_ENDPOINT` a profile of Azure is there from the start.',
    secret: true,
  },
  AZURE_OPENAI_ENDPOINT: { default: 'none', meaning: "The Azure resource's endpoint, such as `https://name.openai.azure.com`." },
  AZURE_OPENAI_DEPLOYMENT: {
    default: '`MODEL_NAME`',
    meaning:
      'Name of the deployment at Azure. `MODEL_NAME` may say which model that is, where the name of the deployment does not.',
  },
  AZURE_OPENAI_API_VERSION: {
    default: 'the v1 API',
    meaning: 'Version of the API at Azure: `v1`, `preview`, or a date such as `2024-10-21` for resources without the v1 API.',
  },
  OLLAMA_HOST: {
    default: 'none',
    meaning:
      'Where Ollama serves, such as `localhost:11434`. With it and `MODEL_NAME` a profile of Ollama is there from the start.',
  },
  MODEL_NAME: {
    default: 'a model served today',
    meaning:
      '`ops-4.5` (OpenAI GPT-4 family), `gemini-3.5` (Google Gemini Pro), or any model name as it is. Where there are keys for several providers, the profile of the one that has this model is the default.',
  },
  SWE_AGENT_PROBE_HOURS: {
    default: '`6`',
    meaning:
      'Hours between tries of the model of a profile that does not change: a call of some tens of tokens. `0`: only when the profile or its Secret changes, or on request.',
  },
  GIT_USERNAME: { default: '`swe-agent`', meaning: 'Author name of commits.' },
  GIT_EMAIL: { default: '`swe-agent@localhost`', meaning: 'Author address of commits.' },
  GIT_TOKEN: {
    default: 'none',
    meaning: 'Token to clone from and push to https repositories. It never enters a sandbox.',
    secret: true,
  },
  GIT_TOKEN_HOSTS: {
    default: '`github.com`',
    meaning: 'Hosts that `GIT_TOKEN` may be sent to, separated by commas: `github.com,git.example.com:8443,.example.org`.',
  },
  SANDBOX_TYPE: {
    default: '`local`; `k8s` on a cluster',
    meaning:
      'Where commands run: `local` (this machine), `k8s` (a Pod for each session) or `daytona` ([a sandbox at Daytona](daytona.md)). A session may name another kind that is configured.',
  },
  K8S_NAMESPACE: {
    default: '`default`; on a cluster the namespace of the Pod or of the kubeconfig',
    meaning:
      'Namespace of the sessions that REST makes. On one machine also that of kubectl when it is told no other (made when it is missing) and, with `SANDBOX_TYPE=k8s`, that of the Pods.',
  },
  KUBECONFIG: {
    default: 'in a Pod its service account, else `~/.kube/config`',
    meaning:
      'File that says how to reach the cluster, or several, joined as in `PATH`. With `SANDBOX_TYPE=k8s`, and on a cluster.',
  },
  KUBERNETES_SERVICE_HOST: { default: 'set by Kubernetes', meaning: 'Where a Pod reaches the API server.' },
  KUBERNETES_SERVICE_PORT: { default: 'set by Kubernetes', meaning: 'Its port.' },
  WORKER_IMAGE: {
    default: 'none',
    meaning:
      'Image of sandbox Pods where a session names none; anything with a POSIX shell. With `SANDBOX_TYPE=k8s`, as all down to `SWE_AGENT_INSTALLATION`.',
  },
  SWE_AGENT_TOOLBOX_IMAGE: {
    default: 'none',
    meaning:
      'Image with static git, ripgrep and busybox in `/toolbox`, brought into each Pod: that of the operator, or the smaller one of `worker-image/Dockerfile` (target `toolbox`). `self` is the one that the operator itself runs from, on a cluster. Without it an image has to bring git and setsid.',
  },
  SWE_AGENT_RUNTIME_CLASS: {
    default: "the cluster's",
    meaning: 'RuntimeClass of Pods where a session names none, such as `kata`.',
  },
  SWE_AGENT_NETWORK: {
    default: '`public`',
    meaning:
      'What Pods may reach where a session does not say: `public` (the internet, but not the cluster, its nodes and private ranges) or `strict` (nothing that is not allowed).',
  },
  SWE_AGENT_NETWORK_ALLOW: {
    default: 'none',
    meaning:
      'Ranges that Pods may reach in any case, separated by commas, each with a TCP port where only that is meant: `192.0.2.0/24,10.1.2.3/32:443`.',
  },
  SWE_AGENT_CLUSTER_RANGES: {
    default: 'none',
    meaning:
      "Ranges that are the cluster's although they are public (nodes, Pods, Services), separated by commas. Pods do not reach them.",
  },
  SWE_AGENT_DNS_SERVERS: {
    default: 'none',
    meaning:
      "Name servers that Pods may ask besides the cluster's own (`k8s-app=kube-dns` in `kube-system`), separated by commas: the address of a node-local cache, for example.",
  },
  SWE_AGENT_SANDBOX_DEFAULTS: {
    default: '`{}`',
    meaning:
      'JSON of all else that holds where a session says nothing, with the fields of `spec.sandbox`: `{"resources": {"limits": {"memory": "4Gi"}}, "workspaceSize": "10Gi", "network": {"proxy": {"https": "http://proxy:3128"}}}`.',
  },
  SWE_AGENT_SANDBOX_USER: {
    default: '`1000:1000`',
    meaning:
      'Numbers of the user and the group that run everything in a Pod, or `image` to leave them to the image, which must not be root.',
  },
  SWE_AGENT_SANDBOX_READ_ONLY: {
    default: '`true`',
    meaning: 'Whether the files of the image are read-only, so that commands write to the workspace, `/tmp` and `/var/tmp` only.',
  },
  SWE_AGENT_INSTALLATION: {
    default: '`swe-agent`; on one machine a name of its own, kept in the state folder',
    meaning:
      'Label value that tells the Pods of this installation from those of another. Replicas share it; it must not change while sessions run.',
  },
  SWE_AGENT_WATCH_NAMESPACES: {
    default: '`K8S_NAMESPACE`',
    meaning: 'Namespaces whose sessions the operator on a cluster works on, separated by commas, or `*` for all.',
  },
  SWE_AGENT_GATEWAY: {
    default: '`false`',
    meaning: '`true` has the operator on a cluster serve REST as well, on `PORT`, so that one process does it all.',
  },
  SWE_AGENT_PROBE_PORT: {
    default: '`8081`',
    meaning:
      'Port on which operator and gateway on a cluster answer `/healthz`, `/readyz` and `/metrics`, to everybody; `0` takes a free one.',
  },
  SWE_AGENT_RELEASE_FINISHED_SECONDS: {
    default: '`900`',
    meaning:
      'Seconds after which the Pod of a session that is Completed, Failed or Cancelled is removed, once its work is safe in a checkpoint; a message to the session makes another from that. `0` keeps Pods until their sessions are deleted.',
  },
  SWE_AGENT_RELEASE_WAITING_SECONDS: {
    default: '`14400`',
    meaning: 'The same for a session that is Paused or waits for its user.',
  },
  SWE_AGENT_MAX_RUNNING: {
    default: '`200`',
    meaning: 'Sessions that work at the same time in one operator; more wait in Queued.',
  },
  DAYTONA_API_KEY: {
    default: 'none',
    meaning: 'Key for [sandboxes at Daytona](daytona.md). It never enters a sandbox.',
    secret: true,
  },
  DAYTONA_SERVER_URL: { default: '`https://app.daytona.io/api`', meaning: "Address of Daytona's API." },
  DAYTONA_API_URL: { default: 'none', meaning: 'The same under the name of the SDK; it wins over `DAYTONA_SERVER_URL`.' },
  DAYTONA_TARGET: { default: "the organization's", meaning: 'Region of Daytona sandboxes.' },
  DAYTONA_TARGET_IMAGE: {
    default: '`ubuntu:22.04`',
    meaning: 'Image of Daytona sandboxes whose session names neither image nor snapshot.',
  },
  DAYTONA_INSTALLATION: {
    default: 'on one machine a name of its own, kept in the state folder; on a cluster none, and needed',
    meaning:
      'Tells the Daytona sandboxes of this installation from those of another in the same organization. Replicas share it; a gateway of its own, which needs no key, offers Daytona where it is set.',
  },
  SWE_AGENT_TOOLBOX: {
    default: '`/toolbox`, which the image of SWE Agent has',
    meaning:
      "Folder with git and a few tools, uploaded into Daytona sandboxes whose image has no git. Without it, the image's package manager installs git.",
  },
  REDIS_URL: {
    default: 'none',
    meaning:
      'Keeps the event log in this Redis instead of the state folder: `redis://[[user]:password@]host[:port][/database]`, `rediss://` for TLS. See [Redis](#redis).',
    secret: true,
  },
  REDIS_KEY_PREFIX: {
    default: '`swe-agent`',
    meaning: 'Begins the names of all keys and channels in Redis; installations that share one need different prefixes.',
  },
  BLOB_STORE: {
    default: '`folder`; on a cluster `redis` when `REDIS_URL` is set',
    meaning:
      'Where large texts, checkpoints and results are kept: `folder` (the state folder), `redis` (at most 8 MiB each and 64 MiB per session) or `s3` (at most 1 GiB each). See [An S3-compatible store](#an-s3-compatible-store).',
  },
  S3_BUCKET: { default: 'none', meaning: 'Bucket for `BLOB_STORE=s3`; it has to be there. As all that follow.' },
  S3_ENDPOINT: {
    default: "Amazon's of the region",
    meaning: "Address of a store that is not Amazon's, without a path: `http://minio:9000`.",
  },
  S3_REGION: { default: '`us-east-1`', meaning: "The bucket's region; many other stores take any." },
  S3_PREFIX: {
    default: '`swe-agent`',
    meaning: 'Begins the keys of all objects; installations that share a bucket need different prefixes.',
  },
  S3_FORCE_PATH_STYLE: {
    default: '`true` with `S3_ENDPOINT`, else `false`',
    meaning: "Whether the bucket is named in the path of addresses (`true`) or in the host's name (`false`).",
  },
  AWS_ACCESS_KEY_ID: {
    default: 'what the AWS SDK finds',
    meaning:
      'Key to the bucket, with `AWS_SECRET_ACCESS_KEY`. Without both: the role of the service account (IRSA, Pod Identity), of the container or of the machine.',
  },
  AWS_SECRET_ACCESS_KEY: { default: 'none', meaning: 'Its secret half.', secret: true },
  AWS_SESSION_TOKEN: { default: 'none', meaning: 'Its third part, where it is a temporary one.', secret: true },
} as const satisfies Record<string, Setting>;

export type SettingName = keyof typeof SETTINGS;

export function isSetting(name: string): name is SettingName {
  return Object.hasOwn(SETTINGS, name);
}

/** The table as Markdown. */
export function settingsTable(): string {
  const rows = Object.entries(SETTINGS).map(([name, setting]) => `| \`${name}\` | ${setting.default} | ${setting.meaning} |`);
  return ['| Name | Default | Meaning |', '|---|---|---|', ...rows].join('\n');
}

/** The setting that a name which is none was most likely meant to be. */
export function nearestSetting(name: string): SettingName | undefined {
  if (isSetting(name)) return undefined;
  const plain = squeeze(name);
  return Object.keys(SETTINGS)
    .filter(isSetting)
    .find((setting) => {
      // Short names are near to too many others (HOST, POST).
      const allowed = setting.length < 8 ? -1 : setting.length < 12 ? 1 : 2;
      return squeeze(setting) === plain || distance(setting, name.toUpperCase(), allowed) <= allowed;
    });
}

function squeeze(name: string): string {
  return name.toUpperCase().replace(/[^A-Z0-9]/g, '');
}

/** Insertions, deletions and replacements from one to the other, or more than `limit`. */
function distance(from: string, to: string, limit: number): number {
  if (Math.abs(from.length - to.length) > limit) return limit + 1;
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (const [i, char] of [...from].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...to].entries()) {
      const replaced = (row[j] ?? 0) + (char === other ? 0 : 1);
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
