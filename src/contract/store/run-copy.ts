/** Copies that a caller may change without changing what is stored. */
import type { Lease, Sealed, StoredRun } from "./run-record.ts";
import type { QuestionClosed } from "./stored-question.ts";

export const copySealed = (sealed: Sealed): Sealed => (typeof sealed === "string" ? sealed : sealed.slice());

export function copyLease(lease: Lease): Lease {
  const { process } = lease.owner;
  return { ...lease, owner: { ...lease.owner, ...(process === undefined ? {} : { process: { ...process } }) } };
}

export const copyClosed = ({ message, ...closed }: QuestionClosed): QuestionClosed =>
  message === undefined ? closed : { ...closed, message: copySealed(message) };

export function copyRun(run: StoredRun): StoredRun {
  return {
    ...run,
    info: copySealed(run.info),
    labels: { ...run.labels },
    lease: run.lease && copyLease(run.lease),
    cancel: run.cancel && { ...run.cancel },
    inbox: { ...run.inbox },
  };
}
