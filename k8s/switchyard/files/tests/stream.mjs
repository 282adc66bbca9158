import { hold, mayAsk, post, refusals, TASK } from './asking.mjs';

if (mayAsk) {
  const answer = await post('/orchestrate/stream', { task: TASK });
  hold('a stream begins', answer.status === 200 && /event-stream/.test(answer.headers.get('content-type') ?? ''));
  const text = await answer.text();
  hold('its frames have cursors', /^id: .+:\d+$/m.test(text));
  hold('it ends with the end of the run', text.includes('task.completed'));
} else await refusals();
