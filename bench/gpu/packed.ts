import { main } from '../gpu.ts';

process.exitCode = await main(process.argv.slice(2));
