/**
 * Who may connect where no token is asked for: everybody who reaches the server, but not the commands that it runs
 * itself. Asked once per connection, when it is accepted: later its other end may be gone.
 */
import type { Socket } from 'node:net';
import type { NextFunction, Request, Response } from 'express';
import { Problem } from './problem.ts';

export type Connection = { peer: { address: string; port: number }; own: { address: string; port: number } };

/** Why a connection is not to be served, in words for whoever opened it; undefined when it is. */
export type ConnectionCheck = (connection: Connection) => Promise<string | undefined>;

export class Callers {
  readonly #check: ConnectionCheck;
  readonly #known = new WeakMap<Socket, Promise<string | undefined>>();

  constructor(check: ConnectionCheck) {
    this.#check = check;
  }

  /** To be told of every connection as soon as it is there. */
  readonly connected = (socket: Socket): void => {
    // Whether the question fails is for the first request to say.
    this.#refusal(socket).catch(() => undefined);
  };

  /** Answers every request of a connection that is not to be served with 403. */
  readonly guard = async (request: Request, _response: Response, next: NextFunction): Promise<void> => {
    const refusal = await this.#refusal(request.socket);
    if (refusal === undefined) next();
    else throw new Problem(403, 'caller-refused', refusal, { headers: { Connection: 'close' } });
  };

  #refusal(socket: Socket): Promise<string | undefined> {
    let refusal = this.#known.get(socket);
    if (!refusal) {
      const { remoteAddress, remotePort, localAddress, localPort } = socket;
      // A socket without addresses is closed already: nobody is left to hear more.
      refusal =
        remoteAddress !== undefined && remotePort !== undefined && localAddress !== undefined && localPort !== undefined
          ? this.#check({
              peer: { address: remoteAddress, port: remotePort },
              own: { address: localAddress, port: localPort },
            })
          : Promise.resolve('The connection was closed before the request was read.');
      this.#known.set(socket, refusal);
    }
    return refusal;
  }
}
