import { describeEngineContract } from '../engine-contract.ts';
import { createCpuEngine } from './cpu-engine.ts';

describeEngineContract('CPU', createCpuEngine);
