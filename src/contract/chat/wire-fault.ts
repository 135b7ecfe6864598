/** A fault on its way from where it was seen to the one place that makes errors of it. */
import type { Fault } from "./wire.ts";

/** Thrown by wires and by the guards around them; users never see it. */
export class WireFault extends Error {
  readonly fault: Fault;

  constructor(fault: Fault) {
    super(fault.detail ?? fault.reason ?? fault.kind);
    this.name = "WireFault";
    this.fault = fault;
  }
}
