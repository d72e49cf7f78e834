import { readFile } from 'node:fs/promises';
import type { MeasuredEngine } from './engines.ts';
import type { Float64Model } from './float64.ts';
import { type EngineGreedy, exactChoices, firstParting, type GreedyPrompt, REFERENCES } from './greedy.ts';

/** A prompt and how llama.cpp goes on, with the file as it is and with its weights expanded. */
interface RecordedPrompt {
  prompt: string;
  promptIds: number[];
  packedIds: number[];
  expandedIds: number[];
}

interface Recorded {
  results: { file: string; prompts: { prompt: string; prompt_ids: number[]; ids: number[] }[] }[];
}

export async function recordedPrompts(file: string): Promise<RecordedPrompt[]> {
  const read = async (path: string) => {
    const { results } = JSON.parse(await readFile(path, 'utf8')) as Recorded;
    return results.find((result) => result.file === file)!.prompts;
  };
  const packed = await read('e2e/fixtures/oracle.json');
  const expanded = await read('e2e/fixtures/float-reference.json');
  return packed.map(({ prompt, prompt_ids: promptIds, ids }, i) => ({
    prompt,
    promptIds,
    packedIds: ids,
    expandedIds: expanded[i]!.ids,
  }));
}

/** Compares engines' continuations of the recorded prompts; engines that say the same share float64's evaluation of it. */
export class GreedyComparison {
  private readonly choices = new Map<string, ReturnType<typeof exactChoices>>();
  private readonly exact: Float64Model;
  private readonly prompts: readonly RecordedPrompt[];

  constructor(exact: Float64Model, prompts: readonly RecordedPrompt[]) {
    this.exact = exact;
    this.prompts = prompts;
  }

  async run(engine: MeasuredEngine): Promise<EngineGreedy> {
    const prompts: GreedyPrompt[] = [];
    for (const recorded of this.prompts) prompts.push(this.compare(recorded, await engine.greedyIds(recorded.promptIds)));
    return { engine: engine.name, prompts };
  }

  private compare({ prompt, promptIds, packedIds, expandedIds }: RecordedPrompt, ours: readonly number[]): GreedyPrompt {
    const choices = this.choicesAlong(promptIds, ours);
    const references = {
      [REFERENCES.float64]: choices.map(({ id }) => id),
      [REFERENCES.llama]: packedIds,
      [REFERENCES.expanded]: expandedIds,
    };
    const partings = Object.entries(references).map(([name, theirs]) => [name, firstParting(choices, ours, theirs)]);
    return { prompt, partings: Object.fromEntries(partings) };
  }

  private choicesAlong(promptIds: readonly number[], ours: readonly number[]) {
    const key = [...promptIds, ...ours].join();
    const known = this.choices.get(key);
    if (known) return known;
    const choices = exactChoices(this.exact, promptIds, ours);
    this.choices.set(key, choices);
    return choices;
  }
}
