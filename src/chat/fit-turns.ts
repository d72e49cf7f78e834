import type { ChatMessage } from '../shared/model/chat-message.ts';

/**
 * Leaves out the oldest question and answer until the prompt fits, and keeps the system text and the last question.
 * @returns the prompt of what is kept; it may still be too long when the last question alone is
 */
export async function fitTurns(
  turns: readonly ChatMessage[],
  promptLimit: number,
  render: (turns: readonly ChatMessage[]) => Promise<number[]>,
): Promise<number[]> {
  const system = turns.filter(({ role }) => role === 'system');
  let rest = turns.filter(({ role }) => role !== 'system');
  let prompt = await render([...system, ...rest]);
  while (prompt.length > promptLimit && rest.length > 1) {
    const nextQuestion = rest.findIndex(({ role }, i) => i > 0 && role === 'user');
    rest = rest.slice(nextQuestion === -1 ? rest.length - 1 : nextQuestion);
    prompt = await render([...system, ...rest]);
  }
  return prompt;
}
