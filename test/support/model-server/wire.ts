/** What the scripted server has to know of each API that it speaks. */
import type { Json } from './json.ts';
import type { FullReply, StreamError } from './reply.ts';
import type { SeenRequest, SeenView } from './seen-request.ts';

/** An error in words; what an API has no field for, it leaves out. */
export type ErrorText = { message: string; code?: string | null; type?: string; param?: string | null };
export type ApiRefusal = { status: number; error: ErrorText };

export type Wire = {
  contentType: string;
  /** The conversation of a request, in the terms that all APIs share. */
  view(body: Json): SeenView;
  /** Where the parameters of a request stand that a server may not know; the body itself when absent. */
  parameters?(body: Json): Json;
  /** The frames of a streamed answer. */
  frames(reply: FullReply, request: SeenRequest): string[];
  /** An answer in one piece; absent where the server only streams. */
  whole?(reply: FullReply, request: SeenRequest): unknown;
  /** An error in a stream that has begun. */
  errorFrame(error: StreamError['event'], reply: FullReply, request: SeenRequest): string;
  /** The body of a failed answer; with the API's own words for the status when none are given. */
  errorBody(status: number, error?: ErrorText): unknown;
  /** A request that the API's filter refused: an error, or an answer that says so. Absent where there is no filter. */
  filtered?(words: string, reply: FullReply): ApiRefusal | { frames: string[] };
  /** What is wrong with the form of a request, in the API's words. */
  refusal(request: SeenRequest): ApiRefusal | undefined;
  /** A model that cannot call tools was offered some. Absent where all can. */
  withoutTools?(model: string): ApiRefusal;
  wrongKey(shown: string): ApiRefusal;
  unknownModel(model: string): ApiRefusal;
  unknownParameter(name: string): ApiRefusal;
  tooLong(tokens: number, window: number): ApiRefusal;
};
