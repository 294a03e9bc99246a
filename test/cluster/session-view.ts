/** What a test sees of a session of an installation on the cluster: its events, its Pod, and what its status says. */
import type { Condition } from '../../operator/api/resources.ts';
import type { EventOf, EventType, SessionEvent } from '../../operator/engine/events.ts';
import type { RedisEventLog } from '../../operator/engine/redis-log.ts';
import { eventually } from '../support/eventually.ts';
import { redisLog } from '../support/redis-logs.ts';
import { type Installation, SESSION_MS } from './installation.ts';

export class SessionViews implements AsyncDisposable {
  readonly #installation: Installation;
  readonly #log: RedisEventLog;

  private constructor(installation: Installation, log: RedisEventLog) {
    this.#installation = installation;
    this.#log = log;
  }

  static async open(installation: Installation): Promise<SessionViews> {
    return new SessionViews(installation, await redisLog({ url: installation.redis.url(), prefix: 'swe-agent' }));
  }

  of(name: string): SessionView {
    return new SessionView(name, this.#installation, this.#log);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#log.close();
  }
}

export class SessionView {
  readonly name: string;
  readonly #installation: Installation;
  readonly #log: RedisEventLog;
  #uid = '';

  constructor(name: string, installation: Installation, log: RedisEventLog) {
    this.name = name;
    this.#installation = installation;
    this.#log = log;
  }

  async events(): Promise<SessionEvent[]> {
    this.#uid ||= await this.#installation.read('agentsession', this.name, '.metadata.uid');
    return this.#log.read(this.#uid, 0);
  }

  /** Waits until so many events of the type were written, and resolves with all there are then. */
  async have<T extends EventType>(type: T, count = 1): Promise<EventOf<T>[]> {
    const ofType = (event: SessionEvent): event is SessionEvent & EventOf<T> => event.type === type;
    this.#uid ||= await this.#installation.read('agentsession', this.name, '.metadata.uid');
    let left = count;
    for await (const event of this.#log.subscribe(this.#uid, 0, AbortSignal.timeout(SESSION_MS)))
      if (ofType(event) && --left === 0) return (await this.events()).filter(ofType);
    const told = (await this.events()).slice(-30).map((event) => JSON.stringify(event).slice(0, 600));
    throw new Error(`${this.name} has no ${count} events ${type}\n${told.join('\n')}`);
  }

  /** How often an operator took the session. */
  async claims(): Promise<number> {
    this.#uid ||= await this.#installation.read('agentsession', this.name, '.metadata.uid');
    return (await this.#log.head(this.#uid)).epoch;
  }

  get pod(): string {
    return `${this.name}-sandbox`;
  }

  podUid(): Promise<string> {
    return this.#installation.read('pod', this.pod, '.metadata.uid');
  }

  /** What a script in the sandbox writes; empty when it cannot be run. */
  async inPod(script: string): Promise<string> {
    return (await this.#installation.kube('exec', this.pod, '-c', 'sandbox', '--', 'sh', '-c', script)).out;
  }

  /** Waits until the file in the sandbox's home has that content. */
  async home(file: string, content: string): Promise<void> {
    const look = async () => (await this.inPod(`cat /workspace/home/${file}`)) === content;
    await eventually(`${file} of ${this.name} to be ${JSON.stringify(content)}`, look, SESSION_MS);
  }

  async condition(type: Condition['type']): Promise<Condition | undefined> {
    const text = await this.#installation.read('agentsession', this.name, `.status.conditions[?(@.type=="${type}")]`);
    return text === '' ? undefined : (JSON.parse(text) as Condition);
  }

  /** Waits until the session does not go on for one of these reasons, and resolves with the words. */
  async waitsFor(reason: RegExp): Promise<string> {
    const { message } = await eventually(
      `${this.name} to wait for ${reason}`,
      async () => {
        const found = await this.condition('Progressing');
        return found?.status === 'False' && reason.test(found.reason) && found;
      },
      SESSION_MS,
    );
    return message;
  }

  phase(): Promise<string> {
    return this.#installation.read('agentsession', this.name, '.status.phase');
  }
}
