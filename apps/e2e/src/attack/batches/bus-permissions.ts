import type { Batch } from '../kit/index.ts';
import { BusLogin, forbiddenTo, NOBODY } from '../bus/index.ts';
import { EYE } from '../stack/index.ts';

const name = 'bus-permissions';

export const busPermissions: Batch = {
  name,
  about: 'what each login, and nobody, must not say or hear on the bus: forgeries, purges, private inboxes, wildcards',
  run: async ({ stack, findings }) => {
    const logins = [NOBODY, ...[...stack.logins.keys()].filter((login) => login !== EYE)];
    for (const login of logins) {
      const attempts = forbiddenTo(login);
      findings.tried(name, attempts.length);
      const bus = await BusLogin.open(stack, login);
      if (!bus) continue; // the server refused the login
      if (login === NOBODY) findings.add({ batch: name, case: NOBODY, what: 'is let in without credentials' });
      for (const { verb, subject, queue } of await bus.permitted(attempts)) {
        const as = queue === undefined ? '' : ` in the queue ${queue}`;
        findings.add({ batch: name, case: `${login}: ${verb} ${subject}${as}`, what: 'is permitted' });
      }
      await bus.close();
    }
  },
};
