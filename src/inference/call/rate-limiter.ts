/** Keeps calls under limits of requests and tokens a minute: they wait in line until both buckets, and what the provider tells, let them pass. */
import { setLongTimeout } from "#contract/base/long-timer";
import { type Clock, systemClock } from "#contract/base/services";
import { type Budget, MAX_WAIT_MS, rateReport } from "./rate-headers.ts";

export interface RateLimits {
  /** Requests that may start a minute, over 0; the first minute's worth at once. None by default. */
  requestsPerMinute?: number;
  /** Tokens, in and out, a minute, over 0. None by default. */
  tokensPerMinute?: number;
}

const MINUTE_MS = 60_000;
/** The part of a provider's budget at which the rest is spread. */
const LOW = 0.05;
/** What sums of fractions may be off by. */
const EPSILON = 1e-6;

const NO_TIMER = (): void => {};

interface Waiter {
  tokens: number;
  pass(): void;
}

export class RateLimiter {
  readonly #clock: Clock;
  readonly #requests: Bucket | undefined;
  readonly #tokens: Bucket | undefined;
  readonly #told = new Map<Budget, ToldBudget>();
  readonly #line: Waiter[] = [];
  /** Tokens of the whole line. */
  #inLine = 0;
  #cancelTimer: () => void = NO_TIMER;

  constructor({ requestsPerMinute, tokensPerMinute }: RateLimits, clock: Clock = systemClock) {
    this.#clock = clock;
    if (requestsPerMinute !== undefined) this.#requests = new Bucket(requestsPerMinute, clock.now());
    if (tokensPerMinute !== undefined) this.#tokens = new Bucket(tokensPerMinute, clock.now());
  }

  /** Lets a request of about so many tokens start at once, if nothing stands against it. */
  tryAdmit(tokens: number): boolean {
    const isFree = this.#line.length === 0 && this.#waitFor(tokens) === 0;
    if (isFree) this.#take(tokens);
    return isFree;
  }

  /** How long a request of about so many tokens would wait, behind those that wait already, and for what; longer or shorter as answers tell more. */
  expect(tokens: number): { ms: number; reason: "limits" | "provider-limits" } {
    const now = this.#clock.now();
    const ahead = this.#line.length;
    const requests = this.#requests?.waitFor(1, now, ahead) ?? 0;
    const own = Math.max(requests, this.#tokens?.waitFor(tokens, now, this.#inLine) ?? 0);
    let told = 0;
    for (const [budget, report] of this.#told) {
      const wanted = countsTokens(budget) ? this.#inLine + tokens : ahead + 1;
      told = Math.max(told, spread(report, wanted, now));
    }
    return { ms: Math.ceil(Math.max(own, told) - EPSILON), reason: own >= told ? "limits" : "provider-limits" };
  }

  /** The provider asked to wait so long: that wins over what it let one guess of when its limits are whole again. */
  heed(retryAfterMs: number): void {
    const resetAt = this.#clock.now() + Math.min(MAX_WAIT_MS, retryAfterMs);
    for (const told of this.#told.values()) told.resetAt = resetAt;
    this.#advance();
  }

  /** Settles when a request of about so many tokens may start; first come, first served. Rejects with the signal's reason. */
  async admit(tokens: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.tryAdmit(tokens)) return;
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => {
        this.#line.splice(this.#line.indexOf(waiter), 1);
        this.#inLine -= tokens;
        this.#advance();
        reject(signal.reason);
      };
      const waiter: Waiter = {
        tokens,
        pass() {
          signal.removeEventListener("abort", onAbort);
          resolve();
        },
      };
      signal.addEventListener("abort", onAbort, { once: true });
      this.#line.push(waiter);
      this.#inLine += tokens;
      this.#advance();
    });
  }

  /** Reads what an answer's headers tell of the provider's own limits: what is nearly spent is spread until it is whole again. */
  observe(headers: Headers): void {
    const now = this.#clock.now();
    for (const budget of ["requests", "tokens", "input-tokens", "output-tokens"] as const) {
      const report = rateReport(headers, budget, now);
      if (report === undefined) continue;
      if (report.resetMs === 0) this.#told.delete(budget);
      else this.#told.set(budget, { ...report, since: now, resetAt: now + report.resetMs });
    }
    this.#advance();
  }

  /** Corrects what `admit` took by what was really used. */
  settle(estimated: number, real: number): void {
    this.#tokens?.add(estimated - real, this.#clock.now());
    this.#advance();
  }

  #advance(): void {
    this.#cancelTimer();
    this.#cancelTimer = NO_TIMER;
    for (let first = this.#line[0]; first !== undefined; first = this.#line[0]) {
      const ms = this.#waitFor(first.tokens);
      if (ms > 0) {
        this.#cancelTimer = setLongTimeout(ms, () => this.#advance(), this.#clock);
        return;
      }
      this.#take(first.tokens);
      this.#line.shift();
      this.#inLine -= first.tokens;
      first.pass();
    }
  }

  #waitFor(tokens: number): number {
    if (this.#requests === undefined && this.#tokens === undefined && this.#told.size === 0) return 0;
    const now = this.#clock.now();
    let ms = Math.max(this.#requests?.waitFor(1, now) ?? 0, this.#tokens?.waitFor(tokens, now) ?? 0);
    for (const [budget, told] of this.#told) {
      if (told.resetAt <= now) this.#told.delete(budget);
      else ms = Math.max(ms, spread(told, amount(budget, tokens), now));
    }
    return Math.ceil(ms - EPSILON);
  }

  #take(tokens: number): void {
    if (this.#requests === undefined && this.#tokens === undefined && this.#told.size === 0) return;
    const now = this.#clock.now();
    this.#requests?.add(-1, now);
    this.#tokens?.add(-tokens, now);
    for (const [budget, told] of this.#told) {
      told.remaining = Math.max(0, told.remaining - amount(budget, tokens));
      told.since = now;
    }
  }
}

/** How much a request takes of a budget; nobody knows before how long an answer gets. */
const amount = (budget: Budget, tokens: number): number => (countsTokens(budget) ? tokens : 1);
const countsTokens = (budget: Budget): boolean => budget === "tokens" || budget === "input-tokens";

/** What a provider told last, less what was started since. */
interface ToldBudget {
  limit: number;
  remaining: number;
  since: number;
  resetAt: number;
}

/** Milliseconds that a request must wait so that what is left lasts until the reset; 0 while there is plenty. */
function spread({ limit, remaining, since, resetAt }: ToldBudget, wanted: number, now: number): number {
  const isLow = remaining === 0 || remaining < limit * LOW;
  if (!isLow) return 0;
  const part = Math.min(1, wanted / (remaining + 1));
  return Math.max(0, since + (resetAt - since) * part - now);
}

/** Fills by a minute's limit a minute, without steps, up to that limit. */
class Bucket {
  readonly #perMinute: number;
  #level: number;
  #at: number;

  constructor(perMinute: number, now: number) {
    this.#perMinute = perMinute;
    this.#level = perMinute;
    this.#at = now;
  }

  /** May leave less than nothing: what is bigger than the bucket is paid off by those who come after. */
  add(amount: number, now: number): void {
    this.#fill(now);
    this.#level = Math.min(this.#perMinute, this.#level + amount);
  }

  /** @param ahead what is taken before it */
  waitFor(amount: number, now: number, ahead = 0): number {
    this.#fill(now);
    // What is bigger than the bucket passes when that is full.
    const missing = ahead + Math.min(amount, this.#perMinute) - this.#level;
    return missing <= EPSILON ? 0 : (missing * MINUTE_MS) / this.#perMinute;
  }

  #fill(now: number): void {
    // A clock that is set back adds nothing.
    const passed = Math.max(0, now - this.#at);
    this.#at = now;
    this.#level = Math.min(this.#perMinute, this.#level + (passed * this.#perMinute) / MINUTE_MS);
  }
}
