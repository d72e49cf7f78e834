/** One message of a conversation, as templates and WebLLM's interface know it. */
export interface ChatMessage {
  role: 'system' | 'user' | 'assistant';
  content: string;
}
