{{/* What a pod must say to be let into a namespace that enforces the restricted standard. Of: user, group (of volumes) */}}
{{- define "switchyard.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ int .user }}
runAsGroup: {{ int .user }}
fsGroup: {{ int (.group | default .user) }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile: { type: RuntimeDefault }
{{- end -}}

{{- define "switchyard.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end -}}

{{/* Of: root, component, user, group */}}
{{- define "switchyard.podBase" -}}
serviceAccountName: {{ printf "%s-%s" (include "switchyard.fullname" .root) .component }}
automountServiceAccountToken: false
# A Service called gateway would set GATEWAY_PORT to tcp://…, which is a setting of ours.
enableServiceLinks: false
securityContext:
  {{- include "switchyard.podSecurity" . | nindent 2 }}
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* The pod of a component. Of: root, service */}}
{{- define "switchyard.pod" -}}
{{- $root := .root -}}
{{- $service := .service -}}
{{- $image := include "switchyard.image" (dict "root" $root "name" $service.name "image" $service.image) -}}
{{- $secret := $service.existingSecret | default (include "switchyard.secretName" (dict "root" $root "name" $service.name)) -}}
{{- $health := ternary "/health" "/readiness" (default false $service.bundled) -}}
{{- $selector := include "switchyard.selector" (dict "root" $root "component" $service.name) -}}
{{- include "switchyard.podBase" (dict "root" $root "component" $service.name "user" $service.runAsUser) }}
terminationGracePeriodSeconds: {{ include "switchyard.grace" $service }}
{{- with $service.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $service.hostAliases }}
hostAliases: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $service.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $service.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $service.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $service.spreadOver }}
topologySpreadConstraints:
  {{- range . }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector: { matchLabels: { {{- include "switchyard.inline" $selector -}} } }
    matchLabelKeys: [pod-template-hash]
  {{- end }}
{{- end }}
{{- $waits := and $service.database $root.Values.migration.enabled (not $root.Values.migration.useHelmHooks) }}
{{- if or $waits $service.initContainers }}
initContainers:
  {{- if $waits }}
  - name: wait-for-login
    image: {{ $image }}
    imagePullPolicy: {{ $root.Values.image.pullPolicy }}
    command: [node, -e, {{ $root.Files.Get "files/wait-for-login.js" | quote }}]
    env:
      - name: DATABASE_URL
        valueFrom: { secretKeyRef: { name: {{ $secret }}, key: DATABASE_URL } }
      - { name: WAIT_SECONDS, value: {{ $root.Values.migration.timeoutSeconds | int | quote }} }
    resources: {{- toYaml $service.resources | nindent 6 }}
    securityContext: {{- include "switchyard.containerSecurity" . | nindent 6 }}
  {{- end }}
  {{- with $service.initContainers }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
containers:
  - name: {{ $service.name }}
    image: {{ $image }}
    imagePullPolicy: {{ $root.Values.image.pullPolicy }}
    ports:
      - { name: {{ $service.portName }}, containerPort: {{ $service.port }} }
      {{- with $service.opsPort }}
      - { name: ops, containerPort: {{ . }} }
      {{- end }}
    envFrom:
      - configMapRef: { name: {{ include "switchyard.fullname" $root }}-{{ $service.name }} }
      {{- if $service.secret }}
      - secretRef: { name: {{ $secret }} }
      {{- end }}
      {{- range $service.extraSecrets }}
      - secretRef: { name: {{ . }} }
      {{- end }}
    {{- with $service.extraEnv }}
    env: {{- toYaml . | nindent 6 }}
    {{- end }}
    # Two minutes to start; afterwards liveness asks the process alone, readiness what it depends on (up to 3 s).
    startupProbe:
      httpGet: { path: /health, port: {{ $service.portName }} }
      periodSeconds: 2
      timeoutSeconds: 5
      failureThreshold: 60
    readinessProbe:
      httpGet: { path: {{ $health }}, port: {{ $service.portName }} }
      periodSeconds: 5
      timeoutSeconds: 4
      failureThreshold: 2
    livenessProbe:
      httpGet: { path: /health, port: {{ $service.portName }} }
      periodSeconds: 10
      timeoutSeconds: 5
      failureThreshold: 6
    {{- if gt (int $service.preStopSeconds) 0 }}
    lifecycle:
      # Endpoints are withdrawn while SIGTERM is on its way; who is sent here meanwhile is still served.
      preStop: { sleep: { seconds: {{ int $service.preStopSeconds }} } }
    {{- end }}
    resources: {{- toYaml $service.resources | nindent 6 }}
    securityContext: {{- include "switchyard.containerSecurity" . | nindent 6 }}
    volumeMounts:
      - { name: tmp, mountPath: /tmp }
      {{- if and (eq $service.name "audit") $root.Values.logTree.enabled }}
      - { name: logs, mountPath: /logs }
      {{- end }}
      {{- with $service.volumeMounts }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
  {{- with $service.sidecars }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
volumes:
  - name: tmp
    emptyDir: { sizeLimit: {{ $service.tmpSize }} }
  {{- if and (eq $service.name "audit") $root.Values.logTree.enabled }}
  - name: logs
    persistentVolumeClaim: { claimName: {{ $root.Values.logTree.existingClaim | default (printf "%s-logs" (include "switchyard.fullname" $root)) }} }
  {{- end }}
  {{- with $service.volumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* Lines "a: b" as "a: b, c: d". */}}
{{- define "switchyard.inline" -}}
{{- . | trim | replace "\n" ", " -}}
{{- end -}}
