import { render } from 'preact';
import { createRoom } from '../../room/create-room.ts';
import { StartPage } from '../ui/start-page.tsx';

const root = document.getElementById('page')!;
render(
  <StartPage createRoom={createRoom} refusedCode={null} query={location.search} open={(path) => location.assign(path)} />,
  root,
);
