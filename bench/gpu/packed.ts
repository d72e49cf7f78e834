import { main } from '../gpu.ts';

await main(process.argv.slice(2));
