import { memoryRangeSource } from './range-source.ts';
import { describeRangeSourceContract } from './testing/range-source-contract.ts';

describeRangeSourceContract('memory', { open: async (file) => memoryRangeSource(file) });
describeRangeSourceContract('memory in small pieces', { open: async (file) => memoryRangeSource(file, 997) });
