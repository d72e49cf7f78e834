/** What a label says besides where it is. */
export interface LabelFacts {
  /** With the prices of the walks, ms. */
  pricedMs: number;
  /** Decides between labels that agree in layer, device and set, ms. */
  ms: number;
  /** Devices used, as bits: 0 to 31, and 32 to 63. */
  low: number;
  high: number;
  freeLayers: number;
  next: number;
}

const FIRST_SIZE = 2 ** 10;

/**
 * Labels in columns, one object each would be too many. Of two that agree in layer, device and set the cheaper one is
 * kept; they are found by a hash table with open addressing.
 */
export class LabelTable {
  count = 0;
  layer = new Uint16Array(FIRST_SIZE);
  device = new Uint8Array(FIRST_SIZE);
  low = new Int32Array(FIRST_SIZE);
  high = new Int32Array(FIRST_SIZE);
  pricedMs = new Float64Array(FIRST_SIZE);
  ms = new Float64Array(FIRST_SIZE);
  freeLayers = new Int32Array(FIRST_SIZE);
  next = new Int32Array(FIRST_SIZE);
  /** The label put before this one at the same layer; -1 for the first. */
  before = new Int32Array(FIRST_SIZE);
  private readonly newest: Int32Array;
  /** Label and one, 0 where there is none. */
  private slots = new Int32Array(2 * FIRST_SIZE);

  constructor(nLayers: number) {
    this.newest = new Int32Array(nLayers + 1).fill(-1);
  }

  /** The label put last at this layer; -1 when there is none. */
  newestAt(layer: number): number {
    return this.newest[layer]!;
  }

  put(layer: number, device: number, facts: LabelFacts): void {
    if (this.count === this.ms.length) this.grow();
    const slot = this.slotOf(layer, device, facts.low, facts.high);
    const known = this.slots[slot]! - 1;
    if (known >= 0) {
      if (facts.ms < this.ms[known]!) this.set(known, facts);
      return;
    }
    const at = this.count++;
    this.slots[slot] = at + 1;
    this.layer[at] = layer;
    this.device[at] = device;
    this.low[at] = facts.low;
    this.high[at] = facts.high;
    this.freeLayers[at] = facts.freeLayers;
    this.before[at] = this.newest[layer]!;
    this.newest[layer] = at;
    this.set(at, facts);
  }

  private set(at: number, { pricedMs, ms, next }: LabelFacts): void {
    this.pricedMs[at] = pricedMs;
    this.ms[at] = ms;
    this.next[at] = next;
  }

  private slotOf(layer: number, device: number, low: number, high: number): number {
    const mask = this.slots.length - 1;
    const mixed = Math.imul(low, 0x9e3779b1) ^ Math.imul(high, 0x85ebca6b) ^ Math.imul(layer * 64 + device, 0xc2b2ae35);
    for (let slot = (mixed ^ (mixed >>> 15)) & mask; ; slot = (slot + 1) & mask) {
      const at = this.slots[slot]! - 1;
      const isHere = at < 0 || (this.low[at] === low && this.high[at] === high && this.layer[at] === layer);
      if (isHere && (at < 0 || this.device[at] === device)) return slot;
    }
  }

  private grow(): void {
    const size = this.ms.length * 2;
    this.layer = copied(new Uint16Array(size), this.layer);
    this.device = copied(new Uint8Array(size), this.device);
    this.low = copied(new Int32Array(size), this.low);
    this.high = copied(new Int32Array(size), this.high);
    this.pricedMs = copied(new Float64Array(size), this.pricedMs);
    this.ms = copied(new Float64Array(size), this.ms);
    this.freeLayers = copied(new Int32Array(size), this.freeLayers);
    this.next = copied(new Int32Array(size), this.next);
    this.before = copied(new Int32Array(size), this.before);
    this.slots = new Int32Array(2 * size);
    for (let at = 0; at < this.count; at++) {
      this.slots[this.slotOf(this.layer[at]!, this.device[at]!, this.low[at]!, this.high[at]!)] = at + 1;
    }
  }
}

function copied<T extends Uint8Array | Uint16Array | Int32Array | Float64Array>(to: T, from: T): T {
  to.set(from);
  return to;
}
