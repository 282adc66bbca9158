import { hold, mayAsk, post, refusals, TASK } from './asking.mjs';

if (mayAsk) {
  const answer = await post('/orchestrate', { task: TASK });
  const text = await answer.text();
  console.log(answer.status, text);
  hold('a run comes to an end', answer.status === 200);
} else await refusals();
