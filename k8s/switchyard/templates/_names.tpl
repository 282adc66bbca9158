{{- define "switchyard.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* Room for the longest component, "-database-logins", in 63 characters. */}}
{{- define "switchyard.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "switchyard.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "switchyard.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "switchyard.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride -}}
{{- end -}}

{{/* What selects pods. Immutable: never more than these three. Of: root, component */}}
{{- define "switchyard.selector" -}}
app.kubernetes.io/name: {{ include "switchyard.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "switchyard.labels" -}}
{{ include "switchyard.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: switchyard
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* name, namespace and labels of an object. Of: root, component, name (unset: that of the component) */}}
{{- define "switchyard.metadata" -}}
name: {{ .name | default (printf "%s-%s" (include "switchyard.fullname" .root) .component) }}
namespace: {{ include "switchyard.namespace" .root }}
labels:
  {{- include "switchyard.labels" . | nindent 2 }}
{{- end -}}

{{/* Of: root, name (component) */}}
{{- define "switchyard.secretName" -}}
{{- printf "%s-%s" (.root.Values.secrets.prefix | default (include "switchyard.fullname" .root)) .name -}}
{{- end -}}

{{/* Of: root, name, image (digest, repository) */}}
{{- define "switchyard.image" -}}
{{- $image := .root.Values.image -}}
{{- $repository := .image.repository | default (printf "%s%s%s" (ternary (printf "%s/" $image.registry) "" (ne $image.registry "")) $image.prefix .name) -}}
{{- if .image.digest -}}
{{ $repository }}@{{ .image.digest }}
{{- else -}}
{{ $repository }}:{{ $image.tag | default .root.Chart.AppVersion }}
{{- end -}}
{{- end -}}
