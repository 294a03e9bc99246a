/** What it means that a request to an S3-compatible store failed, in words that name the setting to change. */
import { errorCode } from '../error-code.ts';
import type { S3Place } from './s3-blobs.ts';

/** passing: the same may succeed in a moment. lasting: not before somebody changes something. */
export type S3Failure =
  | { kind: 'missing' }
  | { kind: 'too-large'; message: string }
  | { kind: 'passing' | 'lasting'; message: string };

const MISSING = new Set(['NoSuchKey', 'NotFound']);
const CREDENTIALS = new Set([
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'InvalidToken',
  'ExpiredToken',
  'TokenRefreshRequired',
  'InvalidClientTokenId',
  'UnrecognizedClientException',
  'InvalidIdentityToken',
]);
const REGION = new Set(['PermanentRedirect', 'TemporaryRedirect', 'AuthorizationHeaderMalformed', 'IncorrectEndpoint']);
/** Told with a status that says something else. The client corrects its clock by an answer that tells of a skew. */
const PASSING = new Set(['SlowDown', 'RequestTimeout', 'RequestTimeTooSkewed', 'Throttling', 'ThrottlingException']);
const RIGHTS = 's3:ListBucket on the bucket, and s3:GetObject, s3:PutObject and s3:DeleteObject on what is in it';

/** @param error what the client threw */
export function failureOf(error: unknown, place: S3Place): S3Failure {
  const name = textField(error, 'name');
  const status = statusOf(error);
  if (name === 'CredentialsProviderError') {
    const remedy = 'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the service account or the machine a role';
    return { kind: 'lasting', message: `there are no credentials; ${remedy}` };
  }
  if (status === undefined) return { kind: 'passing', message: `it cannot be reached (${errorCode(error) ?? wordsOf(error)})` };
  const said = `${name}, status ${status}`;
  if (name === 'NoSuchBucket') {
    return { kind: 'lasting', message: `there is no such bucket; make it, or correct S3_BUCKET=${place.bucket} (${said})` };
  }
  if (name === 'InvalidBucketName') {
    return { kind: 'lasting', message: `this is no name of a bucket; correct S3_BUCKET=${place.bucket} (${said})` };
  }
  if (CREDENTIALS.has(name)) return { kind: 'lasting', message: `${refusedCredentials(place)} (${said})` };
  if (REGION.has(name) || (status >= 300 && status < 400)) {
    const region = bucketRegionOf(error);
    const remedy = region ? `set S3_REGION=${region}` : 'correct S3_REGION or S3_ENDPOINT';
    return { kind: 'lasting', message: `the bucket is not served with S3_REGION=${place.region}; ${remedy} (${said})` };
  }
  if (MISSING.has(name) || status === 404) return { kind: 'missing' };
  if (name === 'EntityTooLarge' || status === 413) {
    return { kind: 'too-large', message: `it is larger than the store takes; let the session change less (${said})` };
  }
  if (PASSING.has(name) || status >= 500 || status === 429 || status === 408) {
    return { kind: 'passing', message: `the store cannot do it now (${said})` };
  }
  if (status === 401 || status === 403) {
    return { kind: 'lasting', message: `it is forbidden; the credentials need ${RIGHTS}: see S3_BUCKET (${said})` };
  }
  return { kind: 'lasting', message: `the store refuses it (${said})` };
}

function refusedCredentials({ credentials }: S3Place): string {
  if (!credentials) return 'the credentials that were found are refused; check the role of the service account or the machine';
  const session = credentials.sessionToken ? ', and AWS_SESSION_TOKEN, to ones' : ' to a pair';
  return `the credentials are refused; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY${session} that the store knows`;
}

/** Status of the answer; undefined when there was none. */
function statusOf(error: unknown): number | undefined {
  const status = field(field(error, '$metadata'), 'httpStatusCode') ?? field(field(error, '$response'), 'statusCode');
  return typeof status === 'number' ? status : undefined;
}

/** Where the store says that the bucket is. */
function bucketRegionOf(error: unknown): string | undefined {
  const region = field(field(field(error, '$response'), 'headers'), 'x-amz-bucket-region');
  return typeof region === 'string' && /^[a-z0-9-]{1,40}$/.test(region) ? region : undefined;
}

function wordsOf(error: unknown): string {
  const name = textField(error, 'name');
  return name === 'AbortError' || name === 'TimeoutError' ? 'no answer in time' : textField(error, 'message');
}

function textField(value: unknown, name: string): string {
  const text = field(value, name);
  return typeof text === 'string' ? text : String(value);
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && name in value ? Reflect.get(value, name) : undefined;
}
