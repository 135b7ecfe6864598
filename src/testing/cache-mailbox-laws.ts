/** The laws of a cache about its mailboxes, and about closing it. */
import type { ReceivePermit } from "#contract/store/cache";
import { type CacheLaws, ODD_NAMES, turn } from "./cache-law.ts";
import { requireCode, requireEqual, requireTrue } from "./law.ts";

interface HeldPermit extends ReceivePermit {
  /** Lets the receiver in, now or as soon as it asks. */
  grant(): void;
  /** How often the receiver has asked, and how often it went back to waiting. */
  readonly counts: { asked: number; paused: number };
}

function heldPermit(): HeldPermit {
  const counts = { asked: 0, paused: 0 };
  let grant: () => void = () => {};
  const granted = new Promise<void>((resolve) => {
    grant = resolve;
  });
  return {
    counts,
    grant,
    resume() {
      counts.asked += 1;
      return granted;
    },
    pause() {
      counts.paused += 1;
    },
  };
}

async function until(holds: () => boolean, what: string): Promise<void> {
  for (let turns = 0; turns < 2_000 && !holds(); turns++) await turn();
  requireTrue(holds(), what);
}

export function mailboxLaws(): CacheLaws {
  return {
    "leaves a message in its mailbox until its receiver has its permit, and alone by others": async (cache) => {
      for (const isThere of [false, true]) {
        const permit = heldPermit();
        if (isThere) await cache.publishToMailbox("box", 1);
        const received = cache.getMessage("box", { permit });
        if (!isThere) await cache.publishToMailbox("box", 1);
        await until(() => permit.counts.asked === 1, "the receiver asks for its permit");
        requireEqual(await cache.peekMailbox("box"), [1], "the mailbox");
        requireEqual(await cache.getMessage("box", { timeoutMs: 0 }), null, "what is left for another");
        permit.grant();
        requireEqual(await received, 1, "the message");
        requireEqual(await cache.peekMailbox("box"), [], "the mailbox after it");
      }
    },
    "keeps messages and receivers in order, where some leave before they have their permit": async (cache) => {
      const reason = Object.assign(new Error("enough"), { code: "enough" });
      const receivers = Array.from({ length: 12 }, () => ({ permit: heldPermit(), controller: new AbortController() }));
      const received = receivers.map(({ permit, controller: { signal } }) => cache.getMessage<number>("box", { permit, signal }));
      await turn();
      for (let number = 0; number < 6; number++) await cache.publishToMailbox("box", number);
      const asked = (from: number, to: number) => () => receivers.slice(from, to).every(({ permit }) => permit.counts.asked === 1);
      await until(asked(0, 6), "the first six ask");
      requireTrue(!receivers.slice(6).some(({ permit }) => permit.counts.asked > 0), "the others do not");
      for (const place of [0, 3, 4]) {
        receivers[place]?.controller.abort(reason);
        await requireCode(received[place] as Promise<unknown>, "enough", "a receiver that leaves");
      }
      await until(asked(6, 9), "the next three ask in their place");
      requireEqual(await cache.peekMailbox("box"), [0, 1, 2, 3, 4, 5], "the mailbox");
      const taken: unknown[] = [];
      for (const place of [1, 2, 5, 6]) {
        receivers[place]?.permit.grant();
        taken.push(await received[place]);
      }
      requireEqual(taken, [0, 1, 2, 3], "the messages, in the order in which their receivers go on");
      for (const { controller } of receivers) controller.abort(reason);
      await Promise.allSettled(received);
      requireEqual(await cache.peekMailbox("box"), [4, 5], "what nobody took");
      requireEqual(await cache.getMessage("box", { timeoutMs: 1_000 }), 4, "what the next one takes");
    },
    "delivers messages in the order of the calls that published them": async (cache) => {
      const numbers = Array.from({ length: 200 }, (_, index) => index);
      await Promise.all(numbers.map((number) => cache.publishToMailbox("box", number)));
      requireEqual(await cache.peekMailbox("box"), numbers, "the mailbox");
      const received: unknown[] = [];
      for (const _ of numbers) received.push(await cache.getMessage("box", { timeoutMs: 0 }));
      requireEqual(received, numbers, "the messages");
      requireEqual(await cache.getMessage("box", { timeoutMs: 0 }), null, "the empty mailbox");
      requireEqual([...(await cache.mailboxes())], [], "the mailboxes left");
    },
    "copies messages, and keeps mailboxes apart from values of the same name": async (cache) => {
      const message = { list: [1] };
      await cache.publishToMailbox("same", message);
      await cache.set("same", "value");
      message.list.push(2);
      requireEqual([...(await cache.keys())], ["same"], "the keys");
      requireEqual(await cache.get("same"), "value", "the value");
      requireEqual(await cache.getMessage("same", { timeoutMs: 0 }), { list: [1] }, "the message");
    },
    "keeps odd mailboxes apart": async (cache) => {
      for (const name of ODD_NAMES) await cache.publishToMailbox(name, name);
      requireEqual([...(await cache.mailboxes())].sort(), [...ODD_NAMES].sort(), "the mailboxes");
      for (const name of ODD_NAMES) requireEqual(await cache.getMessage(name, { timeoutMs: 0 }), name, "the message");
    },
    "wakes receivers in the order in which they came, one message each": async (cache) => {
      const received = Array.from({ length: 5 }, () => cache.getMessage<number>("box"));
      await turn();
      for (let number = 0; number < 5; number++) await cache.publishToMailbox("box", number);
      requireEqual(await Promise.all(received), [0, 1, 2, 3, 4], "the messages");
      requireEqual(await cache.peekMailbox("box"), [], "what is left");
    },
    "gives null when no message comes in time, and the next message to the next receiver": async (cache) => {
      requireEqual(await cache.getMessage("box", { timeoutMs: 5 }), null, "the timed out receive");
      await cache.publishToMailbox("box", "late");
      requireEqual(await cache.getMessage("box", { timeoutMs: 60_000 }), "late", "the message");
    },
    "asks only for what is there with a timeout of 0, behind those who wait": async (cache) => {
      const waiting = cache.getMessage("box");
      await turn();
      requireEqual(await cache.getMessage("box", { timeoutMs: 0 }), null, "the empty mailbox");
      await cache.publishToMailbox("box", 1);
      requireEqual(await waiting, 1, "the one who waited");
    },
    "loses no message to a receive that is cancelled": async (cache) => {
      const reason = new Error("enough");
      const controllers = Array.from({ length: 20 }, () => new AbortController());
      const received = controllers.map(({ signal }) =>
        cache.getMessage<number>("box", { signal }).catch((error: unknown) => {
          requireTrue(error === reason, "the reason of the signal");
          return null;
        }),
      );
      const published: Promise<void>[] = [];
      for (const [index, controller] of controllers.entries()) {
        published.push(cache.publishToMailbox("box", index));
        if (index % 2 === 0) controller.abort(reason);
        if (index % 5 === 0) await turn();
      }
      await Promise.all(published);
      for (const controller of controllers) controller.abort(reason);
      const taken = (await Promise.all(received)).filter((number) => number !== null);
      const left: number[] = [];
      while (taken.length + left.length < 20) {
        const next = await cache.getMessage<number>("box", { timeoutMs: 10_000 });
        requireTrue(next !== null, `a message is lost; ${[...taken, ...left].join(" ")} are there`);
        left.push(next);
      }
      requireEqual(
        [...taken, ...left].sort((a, b) => a - b),
        [...controllers.keys()],
        "all messages",
      );
    },
    "rejects at once, and takes nothing, when the signal is aborted already": async (cache) => {
      await cache.publishToMailbox("box", 1);
      const reason = Object.assign(new Error("before"), { code: "before" });
      await requireCode(cache.getMessage("box", { signal: AbortSignal.abort(reason) }), "before", "the receive");
      requireEqual(await cache.peekMailbox("box"), [1], "the mailbox");
    },
    "leaves no listener on a signal, however many receives it cancelled": async (cache) => {
      const controller = new AbortController();
      const { signal } = controller;
      let listeners = 0;
      const { addEventListener, removeEventListener } = signal;
      signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
        listeners += 1;
        addEventListener.apply(signal, args);
      };
      signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
        listeners -= 1;
        removeEventListener.apply(signal, args);
      };
      const messages = Array.from({ length: 50 }, () => cache.getMessage("served", { signal }));
      const received = Array.from({ length: 1_000 }, (_, index) => cache.getMessage(`box-${index % 3}`, { signal }));
      await Promise.all(messages.map((_, index) => cache.publishToMailbox("served", index)));
      await Promise.all(messages);
      requireTrue(listeners > 0, "the receives listen");
      const ends = received.map((waiting) => requireCode(waiting, "stop", "a cancelled receive"));
      controller.abort(Object.assign(new Error("stop"), { code: "stop" }));
      await Promise.all(ends);
      requireEqual(listeners, 0, "the listeners left");
    },
    "waits through a timeout of more than 24.8 days": async (cache) => {
      const received = cache.getMessage("box", { timeoutMs: 2 ** 31 + 1_000 });
      const first = await Promise.race([received, turn().then(turn)]);
      requireEqual(first, "waiting", "the receive");
      await cache.publishToMailbox("box", 1);
      requireEqual(await received, 1, "the message");
    },
    "refuses a timeout that is no time": async (cache) => {
      for (const timeoutMs of [Number.NaN, -1, "5" as unknown as number, null as unknown as number]) {
        await requireCode(cache.getMessage("box", { timeoutMs }), "invalid-options", String(timeoutMs));
      }
    },
  };
}

export function closingLaws(): CacheLaws {
  return {
    "wakes every receiver with cache-closed, in every view, and may be closed twice": async (cache) => {
      const view = cache.withPrefix(`${cache.prefix}view`);
      const waiting = [cache.getMessage("box"), cache.getMessage("box"), view.getMessage("other", { timeoutMs: 60_000 })];
      const ends = waiting.map((received) => requireCode(received, "cache-closed", "a waiting receive"));
      await turn();
      await view.close();
      await Promise.all(ends);
      await cache.close();
      await view.close();
    },
    "finishes what was called before it was closed": async (cache) => {
      await cache.set("key", 1);
      const operations = [
        cache.set("key", 2),
        cache.increment("n"),
        cache.publishToMailbox("box", 1),
        cache.get("key"),
        cache.update("u", () => 5),
        cache.keys().then((keys) => keys.has("key")),
      ];
      await cache.close();
      requireEqual(await Promise.all(operations), [undefined, 1, undefined, 2, 5, true], "the results");
    },
    "refuses every operation after close": async (cache) => {
      await cache.set("key", 1);
      await cache.close();
      const operations: Record<string, () => Promise<unknown>> = {
        get: () => cache.get("key", 1),
        getMany: () => cache.getMany(["key"]),
        set: () => cache.set("key", 1),
        setMany: () => cache.setMany({}),
        delete: () => cache.delete("key"),
        getAll: () => cache.getAll(),
        keys: () => cache.keys(),
        clear: () => cache.clear(),
        update: () => cache.update("key", () => 1),
        increment: () => cache.increment("key"),
        publishToMailbox: () => cache.publishToMailbox("box", 1),
        getMessage: () => cache.getMessage("box"),
        peekMailbox: () => cache.peekMailbox("box"),
        mailboxes: () => cache.mailboxes(),
        "a view": () => cache.withPrefix("late").get("key", 1),
      };
      for (const [name, operation] of Object.entries(operations)) await requireCode(operation(), "cache-closed", name);
    },
  };
}
