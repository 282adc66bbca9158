import type { ApprovalDecision, OpenApproval } from '@switchyard/contracts';

/** Words as the answer to a question; undefined: they answer nothing, and it must be asked again. */
export function spokenAnswer(approval: OpenApproval, message: string): ApprovalDecision | undefined {
  if (approval.kind === 'question') return { decision: 'answer', text: message };
  const word = message
    .trim()
    .toLowerCase()
    .replace(/[.!]+$/, '');
  if (['approve', 'approved', 'yes'].includes(word)) return { decision: 'approve' };
  return ['deny', 'denied', 'no'].includes(word) ? { decision: 'deny' } : undefined;
}
