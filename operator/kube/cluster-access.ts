/**
 * How this process reaches a real cluster: as a Pod through its service account, else through a kubeconfig file, as kubectl
 * does (https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/).
 */
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { RequestOptions } from 'node:https';
import { isIPv6 } from 'node:net';
import { delimiter, join, resolve } from 'node:path';
import { errorCode } from '../error-code.ts';
import { describeError } from '../logger.ts';
import type { KubeEndpoint } from './http-transport.ts';

export type ClusterAccess = Omit<KubeEndpoint, 'signal'> & {
  /** Of the service account or of the kubeconfig's context. */
  namespace: string | undefined;
  /** For people: what was taken. */
  source: string;
};

export type ClusterAccessSource = {
  /** Value of KUBECONFIG: one file or several, joined as PATH is. It wins over the service account. */
  kubeconfig?: string | undefined;
  /** Where ~/.kube/config is looked for. */
  home?: string | undefined;
  /** Values of KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT, which Kubernetes sets in every Pod. */
  serviceHost?: string | undefined;
  servicePort?: string | undefined;
  /** Default /var/run/secrets/kubernetes.io/serviceaccount. */
  serviceAccountDir?: string;
};

/** No way to a cluster is configured, or it cannot be used; the message says what to do. */
export class ClusterAccessError extends Error {
  override readonly name = 'ClusterAccessError';
}

/** A mounted token is renewed by the kubelet long before it ends; this is how long a read one is used. */
const TOKEN_FILE_MS = 60_000;

/** @throws ClusterAccessError */
export async function clusterAccess(source: ClusterAccessSource): Promise<ClusterAccess> {
  if (source.kubeconfig !== undefined) return await fromKubeconfig(source.kubeconfig.split(delimiter).filter(Boolean));
  if (source.serviceHost !== undefined) return fromServiceAccount(source.serviceHost, source);
  const standard = source.home === undefined ? undefined : join(source.home, '.kube', 'config');
  if (standard !== undefined && (await exists(standard))) return await fromKubeconfig([standard]);
  throw new ClusterAccessError(
    `no cluster is configured: there is no service account (this is not a Pod), KUBECONFIG is not set, and ${standard ?? '~/.kube/config'} does not exist; set KUBECONFIG to the file that kubectl uses`,
  );
}

/**
 * People who use kubectl with the API that this system embeds have KUBECONFIG set to its file: there are no Pods in that API.
 * @param own path of that file
 * @throws ClusterAccessError when it is named
 */
export function refuseOwnKubeconfig(named: string | undefined, own: string): void {
  if (!named?.split(delimiter).some((path) => path !== '' && resolve(path) === resolve(own))) return;
  throw new ClusterAccessError(
    `KUBECONFIG=${named} leads to this system's own API, which has no Pods: set it to the file of a real cluster, or unset it to take ~/.kube/config`,
  );
}

function fromServiceAccount(host: string, source: ClusterAccessSource): ClusterAccess {
  const folder = source.serviceAccountDir ?? '/var/run/secrets/kubernetes.io/serviceaccount';
  const tokenFile = join(folder, 'token');
  let token = { value: read(tokenFile), until: performance.now() + TOKEN_FILE_MS };
  return {
    baseUrl: `https://${isIPv6(host) ? `[${host}]` : host}:${source.servicePort ?? '443'}`,
    ca: read(join(folder, 'ca.crt')),
    headers: async () => {
      if (performance.now() > token.until) {
        token = { value: (await readFile(tokenFile, 'utf8')).trim(), until: performance.now() + TOKEN_FILE_MS };
      }
      return { authorization: `Bearer ${token.value}` };
    },
    namespace: read(join(folder, 'namespace')),
    source: `the Pod's service account (${folder})`,
  };
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (cause) {
    const message = `${path} cannot be read (${errorCode(cause)}): give the Pod a service account and automountServiceAccountToken: true`;
    throw new ClusterAccessError(message, { cause });
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await readFile(path);
    return true;
  } catch {
    return false;
  }
}

/** The official client reads the file and speaks to credential plugins; it is large, so it is loaded here only. */
async function fromKubeconfig(files: readonly string[]): Promise<ClusterAccess> {
  const source = files.join(delimiter);
  const { KubeConfig } = await import('@kubernetes/client-node/dist/config.js');
  const config = new KubeConfig();
  try {
    for (const [index, file] of files.entries()) {
      if (index === 0) {
        config.loadFromFile(file);
        continue;
      }
      const more = new KubeConfig();
      more.loadFromFile(file);
      config.mergeConfig(more, true);
    }
  } catch (cause) {
    throw new ClusterAccessError(`the kubeconfig ${source} cannot be used: ${describeError(cause)}`, { cause });
  }
  const cluster = config.getCurrentCluster();
  if (!cluster) {
    const message = `the kubeconfig ${source} has no current context with a cluster; choose one with kubectl config use-context`;
    throw new ClusterAccessError(message);
  }
  if (cluster.proxyUrl !== undefined) {
    throw new ClusterAccessError(
      `the kubeconfig ${source} names a proxy (proxy-url), which is not supported; use a direct way to the cluster`,
    );
  }
  const options = await applied(config, source);
  return {
    baseUrl: cluster.server,
    ...pemOf('ca', options.ca),
    ...pemOf('cert', options.cert),
    ...pemOf('key', options.key),
    ...(options.servername === undefined ? {} : { serverName: options.servername }),
    ...(cluster.skipTLSVerify ? { insecure: true } : {}),
    // Asked anew each time: a plugin's token is renewed when it ends.
    headers: async () => headersOf(await applied(config, source)),
    namespace: config.getContextObject(config.currentContext)?.namespace,
    source: `the kubeconfig ${source}, context ${config.currentContext}`,
  };
}

async function applied(
  config: { applyToHTTPSOptions(options: RequestOptions): Promise<void> },
  source: string,
): Promise<RequestOptions> {
  const options: RequestOptions = {};
  try {
    await config.applyToHTTPSOptions(options);
  } catch (cause) {
    throw new ClusterAccessError(`the kubeconfig ${source} gives no credential: ${describeError(cause)}`, { cause });
  }
  return options;
}

function headersOf(options: RequestOptions): Record<string, string> {
  const headers: Record<string, string> = {};
  if (options.auth) headers.authorization = `Basic ${Buffer.from(options.auth).toString('base64')}`;
  if (options.headers && !Array.isArray(options.headers)) {
    for (const [name, value] of Object.entries(options.headers)) {
      if (typeof value === 'string') headers[name.toLowerCase()] = value;
    }
  }
  return headers;
}

function pemOf<K extends 'ca' | 'cert' | 'key'>(name: K, value: unknown): Partial<Record<K, string>> {
  const pem = typeof value === 'string' || value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : undefined;
  const fields: Partial<Record<K, string>> = {};
  if (pem !== undefined) fields[name] = pem;
  return fields;
}
