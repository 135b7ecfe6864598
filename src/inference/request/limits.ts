/** What a model cannot do, as it was asked for: a warning that says what happens instead, or an error, never silence. */
import { FinalInferenceError } from "#contract/chat/errors";

export interface LimitsAbout {
  provider: string;
  model: string;
  unsupported: "warn" | "error";
}

export class Limits {
  readonly warnings: string[] = [];
  readonly #about: LimitsAbout;

  constructor(about: LimitsAbout) {
    this.#about = about;
  }

  /** @throws FinalInferenceError `unsupported`, where the client is strict */
  exceed(option: string, instead: string): void {
    const { provider, model, unsupported } = this.#about;
    const what = `${provider} ${model} does not take ${option}`;
    if (unsupported === "error") {
      const message = `${what}. Leave it out, choose another model, or set \`capabilities\` where the table is wrong.`;
      throw new FinalInferenceError(message, { code: "unsupported", provider, model });
    }
    this.warnings.push(`${what}; ${instead}.`);
  }
}
