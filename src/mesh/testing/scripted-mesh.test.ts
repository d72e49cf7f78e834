import { describeLinkContract } from './link-contract.ts';
import { FakeLink } from './scripted-mesh.ts';

describeLinkContract('that a test scripts', async (events) => {
  const [one, two] = events.map((each, end) => new FakeLink(end === 0, { ...each, onSignal: () => {}, onOpen: () => {} }));
  FakeLink.join(one!, two!);
  return [one!, two!];
});
