/**
 * The requests that the server of the tests answers, by the names of the operations of the SDK's generated clients. A test
 * compares method and path of each with what those clients send.
 */

export type Route = {
  client: 'SandboxApi' | 'ProcessApi' | 'FileSystemApi' | 'InfoApi';
  operation: string;
  method: string;
  path: string;
};

/** Of the control plane, below its base address. */
export const API_ROUTES = [
  { client: 'SandboxApi', operation: 'createSandbox', method: 'POST', path: '/sandbox' },
  { client: 'SandboxApi', operation: 'listSandboxes', method: 'GET', path: '/sandbox' },
  { client: 'SandboxApi', operation: 'getSandbox', method: 'GET', path: '/sandbox/{sandboxIdOrName}' },
  { client: 'SandboxApi', operation: 'deleteSandbox', method: 'DELETE', path: '/sandbox/{sandboxIdOrName}' },
  { client: 'SandboxApi', operation: 'startSandbox', method: 'POST', path: '/sandbox/{sandboxIdOrName}/start' },
  { client: 'SandboxApi', operation: 'stopSandbox', method: 'POST', path: '/sandbox/{sandboxIdOrName}/stop' },
  { client: 'SandboxApi', operation: 'archiveSandbox', method: 'POST', path: '/sandbox/{sandboxIdOrName}/archive' },
  { client: 'SandboxApi', operation: 'updateLastActivity', method: 'POST', path: '/sandbox/{sandboxId}/last-activity' },
] as const satisfies readonly Route[];

/** Of the toolbox of one sandbox, below the proxy's address and the sandbox's id. */
export const TOOLBOX_ROUTES = [
  { client: 'InfoApi', operation: 'getUserHomeDir', method: 'GET', path: '/user-home-dir' },
  { client: 'ProcessApi', operation: 'executeCommand', method: 'POST', path: '/process/execute' },
  { client: 'ProcessApi', operation: 'createSession', method: 'POST', path: '/process/session' },
  { client: 'ProcessApi', operation: 'deleteSession', method: 'DELETE', path: '/process/session/{sessionId}' },
  { client: 'ProcessApi', operation: 'sessionExecuteCommand', method: 'POST', path: '/process/session/{sessionId}/exec' },
  {
    client: 'ProcessApi',
    operation: 'getSessionCommand',
    method: 'GET',
    path: '/process/session/{sessionId}/command/{commandId}',
  },
  {
    client: 'ProcessApi',
    operation: 'getSessionCommandLogs',
    method: 'GET',
    path: '/process/session/{sessionId}/command/{commandId}/logs',
  },
  {
    client: 'ProcessApi',
    operation: 'sendInput',
    method: 'POST',
    path: '/process/session/{sessionId}/command/{commandId}/input',
  },
  { client: 'FileSystemApi', operation: 'uploadFiles', method: 'POST', path: '/files/bulk-upload' },
] as const satisfies readonly Route[];

export type ApiOperation = (typeof API_ROUTES)[number]['operation'];
export type ToolboxOperation = (typeof TOOLBOX_ROUTES)[number]['operation'];
export type Operation = ApiOperation | ToolboxOperation;

/** The route of a request and the parts of its path that are parameters, in order. */
export function routeOf<R extends Route>(
  routes: readonly R[],
  method: string,
  path: string,
): { route: R; params: string[] } | undefined {
  for (const route of routes) {
    const pattern = new RegExp(`^${route.path.replace(/\{\w+\}/g, '([^/]+)')}$`);
    const match = route.method === method ? pattern.exec(path) : null;
    if (match) return { route, params: match.slice(1).map(decodeURIComponent) };
  }
  return undefined;
}
