/** The base of every client: it checks what is asked, calls the model through its wire, and counts what that costs. */
import { z } from "zod";
import type { ModelRequest, Wire, WireCall } from "../contract/wire.ts";

/** Options that every client has. Written by the lead right now; more fields will come, these names stay. */
export interface ClientOptions {
  /** Tokens that an answer may have at most, where a call does not say. */
  maxTokens?: number;
}

/** To be spread into a provider's own `z.strictObject({ ...clientShape, apiKey: … })`. */
export const clientShape = { maxTokens: z.int().min(1).optional() };

export abstract class InferenceClient {
  readonly model: string;
  protected readonly wire: Wire;

  constructor(init: { model: string; wire: Wire; options: ClientOptions }) {
    this.model = init.model;
    this.wire = init.wire;
  }
}

export type { ModelRequest, Wire, WireCall };
