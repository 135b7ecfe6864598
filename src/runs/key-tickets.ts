/** The runs that wait for their key: a ticket each, a row of the library's own, in lists that are walked along the stores' index of what is due. */
import type { StoredRun } from "#contract/store/run-record";
import type { RunStore } from "#contract/store/run-store";
import { decoded, encoded, openInfo, sealInfo } from "#contract/store/seal";
import { commitOfPart } from "#keep/one-part";
import { KEY } from "./key-record.ts";

/** `turn`: by priority, then by `at`; `delayed`: until `at`; `quiet`: in the order in which they came, until nothing more comes. */
export type TicketList = "turn" | "delayed" | "quiet";

export interface Ticket {
  /** The run that waits. */
  taskId: string;
  priority: number;
  /** When it was submitted, or may begin; in milliseconds since 1970. */
  at: number;
  /** Of one that begins when nothing came for so long. */
  debounceMs?: number;
  singleton?: boolean;
  /** Of those of one process and moment the one with the lower number comes first. */
  n: number;
}

export interface StoredTicket extends Ticket {
  id: string;
  /** When it was stored. */
  since: number;
}

/** Tickets are due in a far future that never comes: what is due there is their order. */
const FAR = 2 ** 52;
/** Milliseconds; no moment is as far from 1970. */
const STEP = 2 ** 42;
const MOST_PRIORITY = 1_000;

const listOf = (gate: string, list: TicketList): string => `${gate}/${list}`;

function rankOf({ at, priority }: Ticket, list: TicketList): number {
  const above = list === "turn" ? Math.max(-MOST_PRIORITY, Math.min(MOST_PRIORITY, priority)) : 0;
  return FAR + at - above * STEP;
}

export async function addTicket(store: RunStore, gate: string, list: TicketList, ticket: Ticket, ids: () => string): Promise<void> {
  const id = `${gate}/${String(ticket.n).padStart(12, "0")}/${ids()}`;
  const row = { taskId: id, agent: listOf(gate, list), version: "", type: "ticket", labels: {}, graphHash: KEY };
  const info = encoded(store.settings.codec, sealInfo(id, JSON.stringify({ objective: ticket.taskId, params: {}, ticket })));
  const first = commitOfPart(store, id, { generation: 1, name: "ticket", value: {} });
  await store.create({ ...row, info, dueAt: rankOf(ticket, list), first });
}

/** Next first. */
export async function ticketsIn(store: RunStore, gate: string, list: TicketList, limit: number): Promise<StoredTicket[]> {
  const rows = await store.find({ agent: listOf(gate, list), statuses: ["PARKED"], order: "due", limit });
  return rows.map((row) => ticketIn(store, row));
}

function ticketIn(store: RunStore, { taskId: id, info, createdAt }: StoredRun): StoredTicket {
  const text = openInfo(id, decoded(store.settings.codec, info, "The info"));
  return { ...(JSON.parse(text) as { ticket: Ticket }).ticket, id, since: createdAt };
}
