import { cooperativeMatmulKernel } from './kernels/cooperative-matmul.ts';
import type { WeightFormat } from './kernels/formats.ts';
import { type MatmulSource, matmulKernel } from './kernels/matmul.ts';
import { stagedMatmulKernel } from './kernels/staged-matmul.ts';
import type { KernelVariant, VariantChoices } from './variants.ts';

export function oneTokenSource(format: WeightFormat, tile: KernelVariant['one']): MatmulSource {
  return tile.form === 'serial' ? matmulKernel(format, tile) : cooperativeMatmulKernel(format, tile);
}

export function manyTokensSource(format: WeightFormat, tile: KernelVariant['many']): MatmulSource {
  return tile.form === 'serial' ? matmulKernel(format, tile) : stagedMatmulKernel(format, tile);
}

export function productSources(format: WeightFormat, { one, many }: VariantChoices): MatmulSource[] {
  return [...one.map((tile) => oneTokenSource(format, tile)), ...many.map((tile) => manyTokensSource(format, tile))];
}
