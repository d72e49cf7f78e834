import type { HeadAsk } from '../../shared/model/head-row.ts';
import type { HeadPart, PartBase } from './gpu-parts.ts';
import { type HeadLayout, headLayout } from './head-reply.ts';
import { encodeSteps, rowStep, type Step } from './kernel.ts';
import { BAR_WORDS, CANDIDATE_WORDS, GROUP_WORDS, HEAD_GRID_X } from './kernels/head.ts';
import { HEAD_ROWS } from './scratch.ts';

/** A block of head rows that was encoded, and where it will be read back. */
export interface HeadBlock {
  layout: HeadLayout;
  offsetBytes: number;
}

/** Final norm, logits, and what a reply says of them. */
export class HeadStage {
  private readonly base: PartBase;
  /** From logits to candidates. */
  private readonly picking: readonly Step[];

  constructor(base: PartBase) {
    const { gpu, kernels, scratch } = base;
    const { logits, groups, bars, candidates, headOptions } = scratch;
    this.base = base;
    this.picking = [
      rowStep(gpu, kernels.group, [logits, groups, bars, headOptions], HEAD_GRID_X),
      rowStep(gpu, kernels.bar, [groups, bars], HEAD_GRID_X),
      rowStep(gpu, kernels.pick, [logits, bars, candidates], HEAD_GRID_X),
    ];
  }

  /** Blocks of at most HEAD_ROWS for all asks of a request, and the bytes that they take together. */
  blocks(asks: readonly HeadAsk[]): { blocks: HeadBlock[]; bytes: number } {
    const { dim, vocabSize } = this.base.spec;
    const blocks: HeadBlock[] = [];
    let bytes = 0;
    for (let first = 0; first < asks.length; first += HEAD_ROWS) {
      const layout = headLayout(asks.slice(first, first + HEAD_ROWS), dim, vocabSize);
      blocks.push({ layout, offsetBytes: bytes });
      bytes += 4 * layout.words;
    }
    return { blocks, bytes };
  }

  /** Computes a block from rows of `hidden` and copies what there is to say to `readBack`. */
  encode(encoder: GPUCommandEncoder, head: HeadPart, block: HeadBlock, readBack: GPUBuffer): void {
    const rows = block.layout.asks.length;
    const pass = encoder.beginComputePass({ label: 'head' });
    encodeSteps(pass, head.toLogits, rows);
    encodeSteps(pass, this.picking, rows);
    pass.end();
    this.copyOut(encoder, block, readBack);
  }

  /** Takes row `row` of `hidden` as row `to` of the block that is encoded next. */
  takeRow(encoder: GPUCommandEncoder, row: number, to: number): void {
    const { scratch, spec } = this.base;
    const rowBytes = 4 * spec.dim;
    encoder.copyBufferToBuffer(scratch.hidden, row * rowBytes, scratch.headHidden, to * rowBytes, rowBytes);
  }

  private copyOut(encoder: GPUCommandEncoder, { layout, offsetBytes }: HeadBlock, readBack: GPUBuffer): void {
    const { scratch, spec } = this.base;
    const rows = layout.asks.length;
    const copy = (from: GPUBuffer, fromWord: number, toWord: number, words: number) => {
      if (words > 0) encoder.copyBufferToBuffer(from, 4 * fromWord, readBack, offsetBytes + 4 * toWord, 4 * words);
    };
    copy(scratch.headHidden, 0, layout.hidden, rows * spec.dim);
    copy(scratch.groups, 0, layout.groups, rows * GROUP_WORDS);
    copy(scratch.bars, 0, layout.bars, rows * BAR_WORDS);
    copy(scratch.candidates, 0, layout.candidates, rows * CANDIDATE_WORDS);
    for (const [row, { start, isWhole }] of layout.logits.entries()) {
      const from = row * spec.vocabSize;
      if (isWhole) copy(scratch.logits, from, start, spec.vocabSize);
      else for (const [i, id] of layout.asks[row]!.wantIds.entries()) copy(scratch.logits, from + id, start + i, 1);
    }
  }
}

/** Rows beyond those asked for take any. */
export function temperaturesOf({ layout }: HeadBlock): number[] {
  return Array.from({ length: HEAD_ROWS }, (_, row) => layout.asks[row]?.invTemperature ?? 1);
}
