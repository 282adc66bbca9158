{{/* What a row of files/connections.yaml may ask in `if`. */}}
{{- define "switchyard.networkConditions" -}}
bundled: {{ .Values.bundled.enabled }}
externalModel: {{ not .Values.bundled.enabled }}
jwt: {{ eq .Values.identity.mode "jwt" }}
tracing: {{ ne .Values.tracing.endpoint "" }}
{{- end -}}

{{/* Everybody that has a policy of its own. */}}
{{- define "switchyard.parties" -}}
{{- $parties := include "switchyard.deployed" . | fromYamlArray -}}
{{- if .Values.bundled.enabled -}}{{- $parties = concat $parties (list "nats" "postgres" "redis") -}}{{- end -}}
{{- if .Values.migration.enabled -}}{{- $parties = append $parties "migration" -}}{{- end -}}
{{- if .Values.tests.enabled -}}{{- $parties = append $parties "test" -}}{{- end -}}
{{- toYaml $parties -}}
{{- end -}}

{{- define "switchyard.internet" -}}
- ipBlock: { cidr: 0.0.0.0/0, except: {{ toJson .Values.networkPolicy.privateNetworks }} }
- ipBlock: { cidr: '::/0', except: {{ toJson .Values.networkPolicy.privateNetworksIPv6 }} }
{{- end -}}

{{/* The far end of a connection, as peers; nothing: everywhere. Of: root, parties, name */}}
{{- define "switchyard.peers" -}}
{{- $policy := .root.Values.networkPolicy -}}
{{- if has .name .parties -}}
- podSelector: { matchLabels: { {{- include "switchyard.inline" (include "switchyard.selector" (dict "root" .root "component" .name)) -}} } }
{{- else if eq .name "ingress" -}}
{{- toYaml ($policy.ingressFrom | default (list (dict "namespaceSelector" dict))) -}}
{{- else if eq .name "monitoring" -}}
{{- toYaml ($policy.monitoringFrom | default (list (dict "namespaceSelector" dict))) -}}
{{- else if eq .name "dns" -}}
{{- with $policy.dnsTo -}}{{- toYaml . -}}{{- end -}}
{{- else if eq .name "internet" -}}
{{- include "switchyard.internet" .root -}}
{{- else if hasKey $policy.to .name -}}
{{- $to := index $policy.to .name -}}
{{- if $to.peers -}}
{{- toYaml $to.peers -}}
{{- else if has .name (list "model" "xmpp") -}}
{{- include "switchyard.internet" .root -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The ports of a connection. Of: root, parties, row, name (the far end) */}}
{{- define "switchyard.ports" -}}
{{- if eq .name "dns" -}}
- { port: 53, protocol: UDP }
- { port: 53, protocol: TCP }
{{- else -}}
{{- $ports := list .row.port -}}
{{- if eq .name "internet" -}}{{- $ports = .root.Values.networkPolicy.internetPorts -}}
{{- else if and (not (has .name .parties)) (hasKey .root.Values.networkPolicy.to .name) -}}{{- $ports = (index .root.Values.networkPolicy.to .name).ports -}}
{{- end -}}
{{- range $ports }}
- { port: {{ int . }}, protocol: TCP }
{{- end -}}
{{- end -}}
{{- end -}}
