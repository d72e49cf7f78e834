/** Any layers of a model, by their absolute numbers, ascending, and perhaps the head. */
export interface ShardParts {
  layers: readonly number[];
  head: boolean;
}
