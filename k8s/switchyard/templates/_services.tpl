{{/* The names of the components that are deployed, as a YAML list. */}}
{{- define "switchyard.deployed" -}}
{{- $root := . -}}
{{- $names := list -}}
{{- range $name, $row := .Files.Get "files/services.yaml" | fromYaml -}}
{{- $own := index $root.Values.services $name | default dict -}}
{{- $enabled := ternary $own.enabled $root.Values.defaults.enabled (hasKey $own "enabled") -}}
{{- if and $enabled (or (not $row.bundled) $root.Values.bundled.enabled) -}}
{{- $names = append $names $name -}}
{{- end -}}
{{- end -}}
{{- toYaml $names -}}
{{- end -}}

{{/* One component: its row of the table, with `defaults` and its own values. Of: root, name */}}
{{- define "switchyard.service" -}}
{{- $row := index (.root.Files.Get "files/services.yaml" | fromYaml) .name -}}
{{- $own := index .root.Values.services .name | default dict -}}
{{- $merged := mergeOverwrite (deepCopy .root.Values.defaults) (deepCopy $own) -}}
{{- $replicas := ternary $merged.autoscaling.minReplicas $merged.replicas (and $merged.autoscaling.enabled (ne .root.Values.autoscaling.mode "none")) -}}
{{- $scaled := and $merged.autoscaling.enabled (ne .root.Values.autoscaling.mode "none") -}}
{{- toYaml (merge (dict "name" .name "atLeast" $replicas "scaled" $scaled) $row $merged) -}}
{{- end -}}

{{/* The settings of a component, no secrets. What services.<name>.config says wins. Of: root, service */}}
{{- define "switchyard.config" -}}
{{- $values := .root.Values -}}
{{- $full := include "switchyard.fullname" .root -}}
{{- $name := .service.name -}}
{{- $set := dict "LOG_LEVEL" $values.log.level -}}
{{- if .service.bundled -}}
{{- if eq $name "dev-model" -}}
{{- $set = merge $set (dict "DEV_MODEL_HOST" "0.0.0.0" "DEV_MODEL_PORT" (toString .service.port)) -}}
{{- else -}}
{{- $set = merge $set (dict "MOCK_A2A_HOST" "0.0.0.0" "MOCK_A2A_PORT" (toString .service.port) "MOCK_A2A_URL" (printf "http://%s-mock-a2a:%v" $full .service.port)) -}}
{{- end -}}
{{- else -}}
{{- $set = merge $set (dict "DRAIN_TIMEOUT_MS" (toString (int .service.drainTimeoutMs))) -}}
{{- $set = merge $set (dict "OPS_HOST" "0.0.0.0" "OPS_PORT" (toString (.service.opsPort | default .service.port))) -}}
{{- with $values.tracing.endpoint -}}{{- $_ := set $set "OTEL_EXPORTER_OTLP_ENDPOINT" . -}}{{- end -}}
{{- if $values.xmpp.serviceMap -}}
{{- if ne $name "audit" -}}{{- $_ := set $set "SERVICE_MAP" $values.xmpp.serviceMap -}}{{- end -}}
{{- end -}}
{{- if and $values.bundled.enabled (has $name (list "gateway" "orchestrator" "mcp-tool" "a2a")) -}}
{{- $_ := set $set "EGRESS_ALLOW_HOSTS" (printf "%s-dev-model:8002,%s-mock-a2a:8001" $full $full) -}}
{{- end -}}
{{- end -}}
{{- if eq $name "gateway" -}}
{{- $hosts := concat (list (printf "%s-gateway" $full) (printf "%s-gateway.%s" $full (include "switchyard.namespace" .root)) (printf "%s-gateway.%s.svc" $full (include "switchyard.namespace" .root))) $values.ingress.hosts $values.httpRoute.hostnames -}}
{{- $set = merge $set (dict "GATEWAY_HOST" "0.0.0.0" "GATEWAY_PORT" (toString .service.port) "IDENTITY_MODE" $values.identity.mode "LINGER_MS" "2000" "NODE_ENV" $values.environment "ALLOWED_HOSTS" (join "," $hosts)) -}}
{{- end -}}
{{- if eq $name "orchestrator" -}}
{{- $base := ternary (printf "http://%s-dev-model:8002/v1" $full) $values.model.baseUrl $values.bundled.enabled -}}
{{- $set = merge $set (dict "OPENAI_BASE_URL" $base "OPENAI_MODEL" $values.model.name) -}}
{{- end -}}
{{- if and (eq $name "mcp-tool") $values.publicUrl -}}{{- $_ := set $set "PUBLIC_URL" $values.publicUrl -}}{{- end -}}
{{- if and (eq $name "a2a") $values.bundled.enabled -}}{{- $_ := set $set "A2A_AGENTS" (printf "http://%s-mock-a2a:8001" $full) -}}{{- end -}}
{{- if and (eq $name "audit") $values.logTree.enabled -}}{{- $_ := set $set "LOG_TREE_DIR" "/logs" -}}{{- end -}}
{{- $all := mergeOverwrite $set (.service.config | default dict) -}}
{{- range $key, $value := $all }}
{{- if not (kindIs "invalid" $value) }}
{{ $key }}: {{ ternary (int64 $value | toString) (toString $value) (kindIs "float64" $value) | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{/* preStop + drain + 2 s of the process + slack, and never below 30 s. Of: a service */}}
{{- define "switchyard.grace" -}}
{{- $drain := divf (int .drainTimeoutMs) 1000 | ceil | int -}}
{{- max 30 (add (int .preStopSeconds) $drain 7) -}}
{{- end -}}
