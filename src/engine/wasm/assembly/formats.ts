import { takeQ2_K, takeQ3_K, takeQ4_K, takeQ5_K, takeQ6_K } from './k-formats';
import { take } from './lanes';
import { takeBF16, takeF16, takeQ4_0, takeQ4_1, takeQ5_0, takeQ5_1, takeQ8_0 } from './legacy-formats';

/**
 * The formats as type parameters of the loops: nothing of this exists at run time. What is in a block stands beside the
 * plain decoders, which these equal bit for bit. `take<S>` decodes a part of a block in registers for the sink S.
 */
@unmanaged
class Floats {
  /** How many parts a block has. */
  @inline
  get parts(): usize {
    return 1;
  }
  @inline
  get partValues(): usize {
    return 4;
  }
}

@unmanaged
class Blocks {
  @inline
  get parts(): usize {
    return 1;
  }
  @inline
  get partValues(): usize {
    return 32;
  }
}

@unmanaged
class Superblocks {
  @inline
  get parts(): usize {
    return 8;
  }
  @inline
  get partValues(): usize {
    return 32;
  }
}

@unmanaged
export class F32 extends Floats {
  @inline
  get blockBytes(): usize {
    return 16;
  }
  @inline
  take<S>(lanes: v128, at: usize, block: usize, _part: usize): v128 {
    return take<S>(lanes, at, v128.load(block));
  }
}

@unmanaged
export class F16 extends Floats {
  @inline
  get blockBytes(): usize {
    return 8;
  }
  @inline
  take<S>(lanes: v128, at: usize, block: usize, _part: usize): v128 {
    return takeF16<S>(lanes, at, block);
  }
}

@unmanaged
export class BF16 extends Floats {
  @inline
  get blockBytes(): usize {
    return 8;
  }
  @inline
  take<S>(lanes: v128, at: usize, block: usize, _part: usize): v128 {
    return takeBF16<S>(lanes, at, block);
  }
}

@unmanaged
export class Q8_0 extends Blocks {
  @inline
  get blockBytes(): usize {
    return 34;
  }
  @inline
  take<S>(lanes: v128, at: usize, block: usize, _part: usize): v128 {
    return takeQ8_0<S>(lanes, at, block);
  }
}

@unmanaged
export class Q4_0 extends Blocks {
  @inline
  get blockBytes(): usize {
    return 18;
  }
  @inline
  take<S>(lanes: v128, at: usize, block: usize, _part: usize): v128 {
    return takeQ4_0<S>(lanes, at, block);
  }
}

@unmanaged
export class Q4_1 extends Blocks {
  @inline
  get blockBytes(): usize {
    return 20;
  }
  @inline
  take<S>(lanes: v128, at: usize, block: usize, _part: usize): v128 {
    return takeQ4_1<S>(lanes, at, block);
  }
}

@unmanaged
export class Q5_0 extends Blocks {
  @inline
  get blockBytes(): usize {
    return 22;
  }
  @inline
  take<S>(lanes: v128, at: usize, block: usize, _part: usize): v128 {
    return takeQ5_0<S>(lanes, at, block);
  }
}

@unmanaged
export class Q5_1 extends Blocks {
  @inline
  get blockBytes(): usize {
    return 24;
  }
  @inline
  take<S>(lanes: v128, at: usize, block: usize, _part: usize): v128 {
    return takeQ5_1<S>(lanes, at, block);
  }
}

@unmanaged
export class Q2_K extends Superblocks {
  @inline
  get blockBytes(): usize {
    return 84;
  }
  @inline
  take<S>(lanes: v128, at: usize, block: usize, part: usize): v128 {
    return takeQ2_K<S>(lanes, at, block, part);
  }
}

@unmanaged
export class Q3_K extends Superblocks {
  @inline
  get blockBytes(): usize {
    return 110;
  }
  @inline
  take<S>(lanes: v128, at: usize, block: usize, part: usize): v128 {
    return takeQ3_K<S>(lanes, at, block, part);
  }
}

@unmanaged
export class Q4_K extends Superblocks {
  @inline
  get blockBytes(): usize {
    return 144;
  }
  @inline
  take<S>(lanes: v128, at: usize, block: usize, part: usize): v128 {
    return takeQ4_K<S>(lanes, at, block, part);
  }
}

@unmanaged
export class Q5_K extends Superblocks {
  @inline
  get blockBytes(): usize {
    return 176;
  }
  @inline
  take<S>(lanes: v128, at: usize, block: usize, part: usize): v128 {
    return takeQ5_K<S>(lanes, at, block, part);
  }
}

@unmanaged
export class Q6_K extends Superblocks {
  @inline
  get blockBytes(): usize {
    return 210;
  }
  @inline
  take<S>(lanes: v128, at: usize, block: usize, part: usize): v128 {
    return takeQ6_K<S>(lanes, at, block, part);
  }
}
