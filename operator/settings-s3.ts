/** Settings about an S3-compatible store for blobs, by the names that people know from other tools. */
import type { S3Place } from './engine/s3-blobs.ts';
import type { SettingsReader } from './settings-reader.ts';

const DEFAULT_REGION = 'us-east-1';
const DEFAULT_PREFIX = 'swe-agent';
const BUCKET = /^[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]$/;
const REGION = /^[A-Za-z0-9-]{1,40}$/;
const PREFIX = /^(?=.{1,200}$)[A-Za-z0-9][A-Za-z0-9._-]*(\/[A-Za-z0-9][A-Za-z0-9._-]*)*$/;

/**
 * @param store the one that is chosen; what is meant for another is not looked at closely
 * @returns undefined when it is another one, or there is no usable bucket
 */
export function s3Settings(reader: SettingsReader, store: string): S3Place | undefined {
  // Known, and kept out of children and logs, though nothing uses them.
  const credentials = s3Credentials(reader, store);
  const bucket = reader.text('S3_BUCKET');
  if (store !== 's3') {
    if (bucket !== undefined)
      reader.warnings.push(`S3_BUCKET is not used with BLOB_STORE=${store}; set BLOB_STORE=s3, or remove it`);
    return undefined;
  }
  if (bucket === undefined) {
    reader.problem('S3_BUCKET', 'BLOB_STORE=s3 needs it; set it to the name of a bucket that is there');
    return undefined;
  }
  if (!BUCKET.test(bucket)) reader.problem('S3_BUCKET', 'write the name of a bucket alone, such as my-bucket');
  const region = reader.text('S3_REGION') ?? DEFAULT_REGION;
  if (!REGION.test(region)) reader.problem('S3_REGION', 'write the name of a region, such as eu-central-1');
  const prefix = reader.text('S3_PREFIX') ?? DEFAULT_PREFIX;
  if (!PREFIX.test(prefix)) {
    const rule = "write names of letters, digits, '.', '_' and '-', separated by '/', each beginning with a letter or digit";
    reader.problem('S3_PREFIX', rule);
  }
  const endpoint = s3Endpoint(reader);
  const forcePathStyle = reader.flag('S3_FORCE_PATH_STYLE') ?? endpoint !== undefined;
  return { bucket, region, prefix, forcePathStyle, ...(endpoint !== undefined && { endpoint }), ...credentials };
}

function s3Credentials(reader: SettingsReader, store: string): Pick<S3Place, 'credentials'> {
  const accessKeyId = reader.text('AWS_ACCESS_KEY_ID');
  const secretAccessKey = reader.secret('AWS_SECRET_ACCESS_KEY');
  const sessionToken = reader.secret('AWS_SESSION_TOKEN');
  if (accessKeyId !== undefined && secretAccessKey) {
    return { credentials: { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) } };
  }
  if (store === 's3') {
    if (accessKeyId !== undefined) reader.problem('AWS_SECRET_ACCESS_KEY', 'AWS_ACCESS_KEY_ID needs it; set both or none');
    if (secretAccessKey) reader.problem('AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY needs it; set both or none');
  }
  return {};
}

/** Scheme, host and port. */
function s3Endpoint(reader: SettingsReader): string | undefined {
  const value = reader.text('S3_ENDPOINT');
  if (value === undefined) return undefined;
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url && (url.username !== '' || url.password !== '')) {
    const shown = `${url.protocol}//***@${url.host}`;
    reader.problem('S3_ENDPOINT', 'put the keys into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, not into the address', shown);
    return undefined;
  }
  if (!url || !/^https?:$/.test(url.protocol) || url.pathname !== '/' || url.search !== '' || url.hash !== '') {
    const rule =
      'write an address with http:// or https:// and without a path, such as http://minio:9000; buckets go into S3_BUCKET';
    reader.problem('S3_ENDPOINT', rule);
    return undefined;
  }
  return url.origin;
}
