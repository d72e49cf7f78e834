import type { HeadRequest } from '../shard-engine.ts';
import type { HeadPart, PartBase } from './gpu-parts.ts';
import { type HeadLayout, headLayout } from './head-reply.ts';
import { encodeSteps, rowStep, type Step } from './kernel.ts';
import { BAR_WORDS, CANDIDATE_WORDS, GROUP_WORDS, HEAD_GRID_X } from './kernels/head.ts';
import { HEAD_ROWS } from './scratch.ts';

/** A block of head rows that was encoded, and where it will be read back. */
export interface HeadBlock {
  /** Indices into `HeadRequest.rows`. */
  first: number;
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

  /** Blocks of at most HEAD_ROWS for all rows of a request, and the bytes that they take together. */
  blocks(request: HeadRequest): { blocks: HeadBlock[]; bytes: number } {
    const { dim, vocabSize } = this.base.spec;
    const blocks: HeadBlock[] = [];
    let bytes = 0;
    for (let first = 0; first < request.rows.length; first += HEAD_ROWS) {
      const layout = headLayout(Math.min(HEAD_ROWS, request.rows.length - first), dim, vocabSize, request);
      blocks.push({ first, layout, offsetBytes: bytes });
      bytes += 4 * layout.words;
    }
    return { blocks, bytes };
  }

  /** Computes a block from rows of `hidden` and copies what there is to say to `readBack`. */
  encode(encoder: GPUCommandEncoder, head: HeadPart, block: HeadBlock, readBack: GPUBuffer, wantIds: Uint32Array): void {
    const { rows } = block.layout;
    const pass = encoder.beginComputePass({ label: 'head' });
    encodeSteps(pass, head.toLogits, rows);
    encodeSteps(pass, this.picking, rows);
    pass.end();
    this.copyOut(encoder, block, readBack, wantIds);
  }

  /** Takes row `row` of `hidden` as row `to` of the block that is encoded next. */
  takeRow(encoder: GPUCommandEncoder, row: number, to: number): void {
    const { scratch, spec } = this.base;
    const rowBytes = 4 * spec.dim;
    encoder.copyBufferToBuffer(scratch.hidden, row * rowBytes, scratch.headHidden, to * rowBytes, rowBytes);
  }

  private copyOut(
    encoder: GPUCommandEncoder,
    { layout, offsetBytes }: HeadBlock,
    readBack: GPUBuffer,
    wantIds: Uint32Array,
  ): void {
    const { scratch, spec } = this.base;
    const copy = (from: GPUBuffer, fromWord: number, toWord: number, words: number) => {
      if (words > 0) encoder.copyBufferToBuffer(from, 4 * fromWord, readBack, offsetBytes + 4 * toWord, 4 * words);
    };
    copy(scratch.headHidden, 0, layout.hidden, layout.rows * spec.dim);
    copy(scratch.groups, 0, layout.groups, layout.rows * GROUP_WORDS);
    copy(scratch.bars, 0, layout.bars, layout.rows * BAR_WORDS);
    copy(scratch.candidates, 0, layout.candidates, layout.rows * CANDIDATE_WORDS);
    if (layout.wholeRows) {
      copy(scratch.logits, 0, layout.logits, layout.rows * spec.vocabSize);
      return;
    }
    for (let row = 0; row < layout.rows; row++) {
      for (const [i, id] of wantIds.entries()) {
        copy(scratch.logits, row * spec.vocabSize + id, layout.logits + row * layout.logitsPerRow + i, 1);
      }
    }
  }
}
