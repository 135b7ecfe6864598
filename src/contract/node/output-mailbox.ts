/** Where results are published: a mailbox of the run's own, or one of the agent's cache, where other runs and processes read. */
import * as z from "zod/mini";
import { lazily } from "#contract/base/lazily";
import { nonEmpty } from "#contract/base/options";

export type OutputMailbox = string | { readonly shared: string };

export const outputMailboxSchema = lazily(() =>
  z.union([nonEmpty, z.strictObject({ shared: nonEmpty })], {
    message: 'expected the name of a mailbox of the run, or { shared: "name" } for one of the agent\'s cache',
  }),
);

/** For messages to people. */
export const shownMailbox = (mailbox: OutputMailbox): string =>
  typeof mailbox === "string" ? `mailbox "${mailbox}"` : `shared mailbox "${mailbox.shared}"`;
