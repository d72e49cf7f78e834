import { cooperativeMatmulKernel } from './kernels/cooperative-matmul.ts';
import type { WeightFormat } from './kernels/formats.ts';
import { type MatmulSource, matmulKernel } from './kernels/matmul.ts';
import type { Outcome } from './kernels/product-outcome.ts';
import { stagedMatmulKernel } from './kernels/staged-matmul.ts';
import type { KernelVariant, VariantChoices } from './variants.ts';

export function oneTokenSource(format: WeightFormat, tile: KernelVariant['one'], outcome: Outcome = 'rows'): MatmulSource {
  return tile.form === 'serial' ? matmulKernel(format, tile, outcome) : cooperativeMatmulKernel(format, tile, outcome);
}

export function manyTokensSource(format: WeightFormat, tile: KernelVariant['many'], outcome: Outcome = 'rows'): MatmulSource {
  return tile.form === 'serial' ? matmulKernel(format, tile, outcome) : stagedMatmulKernel(format, tile, outcome);
}

export function productSources(format: WeightFormat, { one, many }: VariantChoices): MatmulSource[] {
  return [...one.map((tile) => oneTokenSource(format, tile)), ...many.map((tile) => manyTokensSource(format, tile))];
}
