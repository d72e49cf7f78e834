import { type CostTables, stageBusyMs, stageMs } from './cost.ts';
import type { Part } from './device-part.ts';

/** What goes through the stages. */
export interface Simulation {
  /** Costs of one chunk of a prompt and of one token. */
  chunk: CostTables;
  token: CostTables;
  parts: readonly Part[];
  /** Sequences that start at the same time. */
  sequences: number;
  chunksPerPrompt: number;
  /** Tokens of each sequence, the one that ends the prompt included. */
  tokens: number;
  /**
   * False starts a sequence's next token as soon as its last one is there. True waits until every sequence has its token
   * of the round: what EdgeShard calls bubbles.
   */
  bubbles: boolean;
}

export interface Simulated {
  /** From the start to each sequence's first token, ms. */
  firstTokenMs: number[];
  /** Time between two tokens of a sequence in the second half of the run, ms. */
  msPerToken: number;
  /** Tokens per second of all sequences in the second half of the run. */
  tokensPerSecond: number;
  /** Part of the whole time that each stage was busy. */
  stageUse: number[];
}

/** One thing that a pass needs for a while: a link or a device. It serves one pass at a time, in the order of arrival. */
interface Station {
  /** How long it is taken away from the next pass, and how long until the pass is through, ms. */
  busyMs: number;
  ms: number;
  /** Index of a stage; -1 for links. */
  stage: number;
}

/** A pass on its way. `answered` passes end with a token. */
interface Pass {
  sequence: number;
  stations: readonly Station[];
  at: number;
  answered: boolean;
}

interface Arrival {
  timeMs: number;
  /** Arrivals at the same time keep their order. */
  order: number;
  pass: Pass;
}

/**
 * Runs a plan event by event with the planner's own costs: every pass queues at every link and stage on its way. What
 * `predict` says in closed form must come out here, which tests hold it to.
 *
 * @throws RangeError when parts and tables do not belong together.
 */
export function simulate(simulation: Simulation): Simulated {
  return new Run(simulation).run();
}

class Run {
  private readonly asked: Simulation;
  private readonly promptStations: Station[];
  private readonly lastPromptStations: Station[];
  private readonly tokenStations: Station[];
  private readonly events: Arrival[] = [];
  private readonly freeAtMs = new Map<string, number>();
  private readonly tokenTimes: number[][];
  private readonly stageBusyMs: number[];
  private waiting: number[] = [];
  private order = 0;
  private endMs = 0;

  constructor(asked: Simulation) {
    this.asked = asked;
    const head = { head: true };
    this.promptStations = stationsOf(asked.chunk, asked.parts, { head: false });
    this.lastPromptStations = stationsOf(asked.chunk, asked.parts, head);
    this.tokenStations = stationsOf(asked.token, asked.parts, head);
    this.tokenTimes = Array.from({ length: asked.sequences }, () => []);
    this.stageBusyMs = asked.parts.map(() => 0);
  }

  run(): Simulated {
    for (let chunk = 0; chunk < this.asked.chunksPerPrompt; chunk++) {
      const isLast = chunk === this.asked.chunksPerPrompt - 1;
      for (let sequence = 0; sequence < this.asked.sequences; sequence++) {
        const stations = isLast ? this.lastPromptStations : this.promptStations;
        this.arrive(0, { sequence, stations, at: 0, answered: isLast });
      }
    }
    for (let next = this.events.pop(); next; next = this.events.pop()) this.step(next);
    return this.result();
  }

  private arrive(timeMs: number, pass: Pass): void {
    insertSorted(this.events, { timeMs, order: this.order++, pass });
  }

  private step({ timeMs, pass }: Arrival): void {
    const station = pass.stations[pass.at];
    if (!station) {
      this.finish(timeMs, pass);
      return;
    }
    const key = String(pass.at);
    const startMs = Math.max(timeMs, this.freeAtMs.get(key) ?? 0);
    this.freeAtMs.set(key, startMs + station.busyMs);
    if (station.stage >= 0) this.stageBusyMs[station.stage]! += station.busyMs;
    this.arrive(startMs + station.ms, { ...pass, at: pass.at + 1 });
  }

  private finish(timeMs: number, pass: Pass): void {
    this.endMs = Math.max(this.endMs, timeMs);
    if (!pass.answered) return;
    this.tokenTimes[pass.sequence]!.push(timeMs);
    if (this.asked.bubbles) this.joinRound(timeMs, pass.sequence);
    else this.startNext(timeMs, pass.sequence);
  }

  private joinRound(timeMs: number, sequence: number): void {
    this.waiting.push(sequence);
    if (this.waiting.length < this.asked.sequences) return;
    const round = this.waiting;
    this.waiting = [];
    for (const sequence of round) this.startNext(timeMs, sequence);
  }

  private startNext(timeMs: number, sequence: number): void {
    if (this.tokenTimes[sequence]!.length >= this.asked.tokens) return;
    this.arrive(timeMs, { sequence, stations: this.tokenStations, at: 0, answered: true });
  }

  private result(): Simulated {
    const halves = this.tokenTimes.map((times) => times.slice(Math.floor(times.length / 2)));
    const gaps = halves.map((times) => (times.at(-1)! - times[0]!) / Math.max(1, times.length - 1));
    const msPerToken = gaps.reduce((sum, ms) => sum + ms, 0) / gaps.length;
    return {
      firstTokenMs: this.tokenTimes.map((times) => times[0]!),
      msPerToken,
      tokensPerSecond: (1000 * this.asked.sequences) / msPerToken,
      stageUse: this.stageBusyMs.map((ms) => ms / this.endMs),
    };
  }
}

/** Source, first link, stages and links in turn, the way back. Without the head a pass ends at the last stage. */
function stationsOf(tables: CostTables, parts: readonly Part[], { head }: { head: boolean }): Station[] {
  const [first, last] = [parts[0], parts.at(-1)];
  if (!first || !last) throw new RangeError('a plan without parts cannot be simulated');
  const stations: Station[] = [
    { busyMs: tables.sourceBusyMs, ms: tables.sourceMs, stage: -1 },
    { busyMs: tables.entryBusyMs[first.device]!, ms: tables.entryMs[first.device]!, stage: -1 },
  ];
  for (const [i, { device, startLayer, endLayer }] of parts.entries()) {
    const withHead = head && i === parts.length - 1;
    const busyMs = stageBusyMs(tables, device, startLayer, endLayer, withHead);
    stations.push({ busyMs, ms: stageMs(tables, device, startLayer, endLayer, withHead), stage: i });
    const next = parts[i + 1]?.device;
    if (next !== undefined) {
      stations.push({ busyMs: tables.hopBusyMs[device]![next]!, ms: tables.hopMs[device]![next]!, stage: -1 });
    }
  }
  if (head) stations.push({ busyMs: tables.exitBusyMs[last.device]!, ms: tables.exitMs[last.device]!, stage: -1 });
  return stations;
}

/** Latest first, so that the next event is taken from the end. */
function insertSorted(events: Arrival[], arrival: Arrival): void {
  let [low, high] = [0, events.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const other = events[middle]!;
    const isLater = other.timeMs > arrival.timeMs || (other.timeMs === arrival.timeMs && other.order > arrival.order);
    if (isLater) low = middle + 1;
    else high = middle;
  }
  events.splice(low, 0, arrival);
}
