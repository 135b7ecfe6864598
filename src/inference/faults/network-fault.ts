/** What an error of the network is, told by names, codes and messages: an SDK may be installed twice, and every runtime has its own classes. */
import type { Fault } from "#contract/chat/wire";

const BROKEN_CODE =
  /^(?:E(?:CONNRESET|CONNREFUSED|CONNABORTED|PIPE|TIMEDOUT|NOTFOUND|HOSTUNREACH|NETUNREACH|NETDOWN|PROTO)|EAI_\w+|UND_ERR_\w+|HPE_\w+|ERR_HTTP2_\w+|ERR_STREAM_PREMATURE_CLOSE|ConnectionRefused|ConnectionClosed|FailedToOpenSocket)$/;
const BROKEN_NAME = /^(?:TimeoutError|APIConnection(?:Timeout)?Error|ConnectTimeoutError|SocketError)$/;
const BROKEN_MESSAGE =
  /^(?:terminated|aborted|fetch failed|failed to fetch|load failed|network ?error|connection error|request timed out|socket hang up|premature close|other side closed)\b/i;

/** Of a fetch that the user gave: ours leaves silence to the call. */
const IMPATIENT_CODE = /^UND_ERR_(?:HEADERS|BODY)_TIMEOUT$/;

/** No retry mends a certificate or an address. */
const CERTIFICATE_CODE = /^(?:CERT_\w+|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT\w*|UNABLE_TO_\w+|ERR_TLS_\w+|ERR_SSL_\w+|EPROTO)$/;
const ADDRESS_CODE = /^(?:ERR_INVALID_URL|ERR_INVALID_PROTOCOL|ERR_UNSUPPORTED_PROTOCOL)$/;
const ADDRESS_MESSAGE = /^(?:unknown scheme|bad port|invalid url|failed to parse url)\b/i;

const MAX_DEPTH = 8;

interface Seen {
  name: string;
  code: string;
  message: string;
}

function causesOf(thrown: unknown): Seen[] {
  const seen: Seen[] = [];
  for (let error = thrown; seen.length < MAX_DEPTH && typeof error === "object" && error !== null; ) {
    const { name, code, message, cause, constructor: made } = error as Record<string, unknown>;
    // The errors of some SDKs are all named "Error"; their classes are not.
    const kind = name === "Error" && typeof made === "function" ? made.name : name;
    seen.push({ name: textOf(kind), code: textOf(code), message: textOf(message) });
    error = cause;
  }
  return seen;
}

const textOf = (value: unknown): string => (typeof value === "string" ? value : "");

/** `undefined` for what did not come from the network. Whether the call was aborted is to be asked first: that looks the same. */
export function networkFault(error: unknown): Fault | undefined {
  const causes = causesOf(error);
  const find = (matches: (seen: Seen) => boolean): Seen | undefined => causes.findLast(matches);

  const certificate = find(({ code }) => CERTIFICATE_CODE.test(code));
  if (certificate !== undefined) return { kind: "final", code: "network", reason: certificate.code, detail: certificate.message };

  const address = find(({ code, message }) => ADDRESS_CODE.test(code) || ADDRESS_MESSAGE.test(message));
  if (address !== undefined) return { kind: "final", code: "network", reason: address.code || "invalid address" };

  if (find(({ code }) => IMPATIENT_CODE.test(code)) !== undefined) {
    const detail = "the fetch gave up by a time limit of its own, which idleTimeoutMs does not move: give the client one that waits longer";
    return { kind: "retryable", code: "stream-idle", detail, isOwnDetail: true };
  }

  const broken =
    find(({ code }) => BROKEN_CODE.test(code)) ?? find(({ name, message }) => BROKEN_NAME.test(name) || BROKEN_MESSAGE.test(message));
  if (broken !== undefined) {
    return { kind: "retryable", code: "network", ...(broken.code === "" ? {} : { reason: broken.code }), detail: broken.message };
  }

  // Its message holds a piece of the answer.
  if (find(({ name }) => name === "SyntaxError") !== undefined) {
    return { kind: "retryable", code: "hostile-response", reason: "broken JSON" };
  }
  return undefined;
}
