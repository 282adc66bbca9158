import { AppError } from '@switchyard/contracts';

/**
 * The same response with a body that errors with `response_too_large` once it says more than `maxBytes`
 * (counted after decompression). A body whose length is known to fit is passed through as it is.
 */
export function limitBody(response: Response, maxBytes: number): Response {
  if (response.body === null) return response;
  const declared = Number(response.headers.get('content-length') ?? Number.NaN);
  const encoded = response.headers.has('content-encoding');
  if (declared > maxBytes) {
    void response.body.cancel();
    throw new AppError('response_too_large');
  }
  if (!encoded && declared <= maxBytes) return response;
  const { body } = response;
  const reader = body.getReader();
  let seen = 0;
  const limited = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await reader.read();
          if (done) return controller.close();
          seen += value.byteLength;
          if (seen > maxBytes) {
            controller.error(new AppError('response_too_large'));
            await reader.cancel();
            return;
          }
          controller.enqueue(value);
        } catch (error) {
          controller.error(error);
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
  const copy = new Response(limited, {
    status: response.status,
    statusText: response.statusText,
    headers: response.headers,
  });
  Object.defineProperty(copy, 'url', { value: response.url });
  return copy;
}
