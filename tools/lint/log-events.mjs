/**
 * A line of the log at info or above is an event, which `log-events.ts` of the project declares and `logEvent` writes. The
 * rule `switchyard/log-events` refuses any other call on a logger in what is shipped. Debug and trace lines are read by the
 * people who work on the code, and stay free. `log-events.test.mjs` proves the rule and holds the tables together.
 */

const LEVELS = new Set(['info', 'warn', 'error', 'fatal']);
const WRITER = 'libs/platform/src/log/event-logger.ts';

export const logEventsRule = {
  meta: {
    type: 'problem',
    schema: [],
    messages: { free: 'Declare this event in log-events.ts, and write it with logEvent(log, key, fields).' },
  },
  create(context) {
    if (context.filename.replaceAll('\\', '/').endsWith(WRITER)) return {};
    const types = context.sourceCode.parserServices;
    return {
      CallExpression({ callee }) {
        if (callee.type !== 'MemberExpression') return;
        const { object, property, computed } = callee;
        // `log[level](…)` hides the level from this rule and from its reader.
        if (!computed && !LEVELS.has(property.name)) return;
        const named = /^(?:log|.*Log)$/.test(object.property?.name ?? object.name ?? '');
        if ((named && !computed) || isLogger(types.getTypeAtLocation(object)))
          context.report({ node: callee, messageId: 'free' });
      },
    };
  },
};

/** A logger is recognised by members that only pino's loggers have. */
function isLogger(type) {
  const parts = type.isUnion() ? type.types : [type];
  return parts.some((part) => ['child', 'isLevelEnabled'].every((name) => part.getProperty(name) !== undefined));
}
