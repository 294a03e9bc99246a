/** How the process's log speaks of a session: the same fields on every line, and a line for each turn of its life. */
import type { AgentSession, ObjectMeta } from './api/resources.ts';
import type { SessionEvent } from './engine/events.ts';
import type { Logger } from './logger.ts';
import type { SandboxOwner } from './sandbox/transport.ts';
import { traceOf } from './trace.ts';

/** Which session a line is about, and its trace. */
export type SessionFields = { session: string; namespace: string; uid: string | undefined; trace?: string | undefined };

export function sessionFields(metadata: Pick<ObjectMeta, 'name' | 'namespace' | 'uid' | 'annotations'>): SessionFields {
  const { name, namespace = 'default', uid } = metadata;
  return { session: name, namespace, uid, trace: traceOf(metadata) };
}

/** The same where only the sandbox's owner is known. */
export function ownerFields({ name, namespace, uid, trace }: SandboxOwner): SessionFields {
  return { session: name, namespace, uid, ...(trace !== undefined && { trace }) };
}

/** A logger whose every line has these fields, besides its own. */
export function withFields(logger: Logger, fixed: Record<string, unknown>): Logger {
  return {
    debug: (message, fields) => logger.debug(message, { ...fixed, ...fields }),
    info: (message, fields) => logger.info(message, { ...fixed, ...fields }),
    warn: (message, fields) => logger.warn(message, { ...fixed, ...fields }),
    error: (message, fields) => logger.error(message, { ...fixed, ...fields }),
  };
}

/** Says what the events mean for the session's life, and nothing of its single steps. */
export function logTurns(logger: Logger, { metadata }: AgentSession, events: readonly SessionEvent[]): void {
  const fields = sessionFields(metadata);
  for (const event of events) {
    switch (event.type) {
      case 'session.started':
        logger.info('session started', { ...fields, epoch: event.epoch });
        break;
      case 'phase.entered':
        logger.info('session entered a phase', { ...fields, phase: event.phase, reason: event.reason });
        break;
      case 'session.paused':
        logger.info('session paused', { ...fields, phase: 'Paused', reason: event.reason, detail: event.message });
        break;
      case 'session.resumed':
        logger.info('session resumed', fields);
        break;
      case 'session.finished':
        logger.info('session finished', { ...fields, phase: event.outcome, reason: event.reason, detail: event.message });
        break;
      case 'sandbox.ready':
      case 'sandbox.restored': {
        const { type, name, isolation } = event.sandbox;
        logger.info('sandbox ready', { ...fields, sandbox: name, type, isolation });
        break;
      }
      case 'sandbox.lost':
        logger.warn('sandbox lost', { ...fields, detail: event.message });
        break;
      case 'sandbox.released':
        logger.info('sandbox released', fields);
        break;
      case 'publish.finished':
        logger.info('result published', { ...fields, branch: event.branch, commit: event.commit, pushed: event.pushed });
        break;
    }
  }
}
