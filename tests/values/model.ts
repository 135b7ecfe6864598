/** The naive model of a run's values: every change of every attempt, kept for ever, and folded anew whenever somebody asks. */

interface Held {
  value: unknown;
  expiresAt?: number | undefined;
}

type Change = { attempt: number; key: string; at: number } & (
  | { kind: "write"; held: Held | undefined }
  /** As `update`: a value is replaced, and its expiry stays. */
  | { kind: "add"; by: number }
);

interface Sent {
  mailbox: string;
  text: string;
  publisher: number;
  taker?: number | undefined;
}

const isOver = (held: Held | undefined, at: number): boolean => held?.expiresAt !== undefined && held.expiresAt <= at;

export interface State {
  values: Record<string, Held>;
  mailboxes: Record<string, unknown[]>;
}

export class Model {
  #changes: Change[] = [];
  #sent: Sent[] = [];
  readonly settled = new Set<number>([0]);

  record(change: Change): void {
    this.#changes.push(change);
  }

  publish(publisher: number, mailbox: string, message: unknown): void {
    this.#sent.push({ mailbox, text: JSON.stringify(message), publisher });
  }

  take(taker: number, mailbox: string): unknown {
    const message = this.#sent.find((sent) => sent.mailbox === mailbox && sent.taker === undefined);
    if (message === undefined) return null;
    message.taker = taker;
    return JSON.parse(message.text);
  }

  /** Nothing of the attempts that are open ever was. */
  crash(): void {
    this.#changes = this.#changes.filter(({ attempt }) => this.settled.has(attempt));
    this.#sent = this.#sent.filter(({ publisher }) => this.settled.has(publisher));
    for (const sent of this.#sent) if (sent.taker !== undefined && !this.settled.has(sent.taker)) sent.taker = undefined;
  }

  /** What one key holds by the changes of these attempts. */
  held(key: string, at: number, counts: (attempt: number) => boolean): Held | undefined {
    let held: Held | undefined;
    for (const change of this.#changes) {
      if (change.key !== key || !counts(change.attempt)) continue;
      if (change.kind === "write") {
        held = change.held;
        continue;
      }
      const before = isOver(held, change.at) ? undefined : held;
      held = { ...before, value: (typeof before?.value === "number" ? before.value : 0) + change.by };
    }
    return isOver(held, at) ? undefined : held;
  }

  state(at: number, counts: (attempt: number) => boolean): State {
    const values: Record<string, Held> = {};
    for (const key of new Set(this.#changes.map((change) => change.key))) {
      const held = this.held(key, at, counts);
      if (held !== undefined) values[key] = held;
    }
    const mailboxes: Record<string, unknown[]> = {};
    for (const { mailbox, text, publisher, taker } of this.#sent) {
      if (!counts(publisher) || (taker !== undefined && counts(taker))) continue;
      mailboxes[mailbox] ??= [];
      mailboxes[mailbox].push(JSON.parse(text));
    }
    return { values, mailboxes };
  }
}
