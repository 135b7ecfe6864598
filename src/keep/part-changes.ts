/** What a commit writes and removes, by part; the later change of a part stands. */
export class PartChanges {
  readonly put = new Map<string, string>();
  readonly removed = new Set<string>();

  write(name: string, text: string): void {
    this.put.set(name, text);
    this.removed.delete(name);
  }

  remove(name: string): void {
    this.put.delete(name);
    this.removed.add(name);
  }

  get isEmpty(): boolean {
    return this.put.size === 0 && this.removed.size === 0;
  }

  /** Those of a commit that was not made come before these. */
  after(earlier: PartChanges): this {
    for (const [name, text] of earlier.put) if (!this.put.has(name) && !this.removed.has(name)) this.put.set(name, text);
    for (const name of earlier.removed) if (!this.put.has(name)) this.removed.add(name);
    return this;
  }
}
