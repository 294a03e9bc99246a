/** An operator as a process of its own, to be killed: runs one command in a sandbox and waits for it. */
import { openSandbox } from '../../operator/sandbox/commands.ts';
import { LocalTransport } from '../../operator/sandbox/local/transport.ts';

const { options, owner, op, command } = JSON.parse(process.argv[2] ?? '');
const signal = AbortSignal.timeout(600_000);
const handle = await new LocalTransport(options).provision(owner, {}, signal);
const sandbox = await openSandbox(handle, { epoch: 1 });
await sandbox.run(op, { command, timeoutSeconds: 600 }, { signal });
await sandbox.close();
