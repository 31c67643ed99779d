{{/* Names and labels come out as those of Redactics/http-nas: a Deployment's selector cannot be changed later. */}}

{{- define "http-nas.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* The release's name alone where it says what runs: release http-nas is reached as http://http-nas:3000. */}}
{{- define "http-nas.fullname" -}}
{{- $name := .Values.nameOverride | default .Chart.Name -}}
{{- $joined := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) -}}
{{- .Values.fullnameOverride | default $joined | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "http-nas.selectorLabels" -}}
app.kubernetes.io/name: {{ include "http-nas.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "http-nas.commonLabels" -}}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end -}}

{{- define "http-nas.labels" -}}
{{ include "http-nas.selectorLabels" . }}
{{ include "http-nas.commonLabels" . }}
{{- end -}}

{{/* The pod of helm test has another name than the server's: no service sends requests there, and no policy for the
server holds for it. */}}
{{- define "http-nas.testLabels" -}}
app.kubernetes.io/name: {{ include "http-nas.name" . | trunc 58 | trimSuffix "-" }}-test
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "http-nas.serviceAccountName" -}}
{{- $own := .Values.serviceAccount.create | ternary (include "http-nas.fullname" .) "default" -}}
{{- .Values.serviceAccount.name | default $own -}}
{{- end -}}

{{- define "http-nas.image" -}}
{{- with .Values.image.registry }}{{ . }}/{{ end -}}
{{- .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion -}}
{{- end -}}

{{/* The original chart knows the global one alone. */}}
{{- define "http-nas.nodeSelector" -}}
{{- with merge (dict) .Values.nodeSelector ((.Values.global).nodeSelector | default dict) -}}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end -}}
{{- end -}}

{{/* Whether several pods may write to the volume at once. */}}
{{- define "http-nas.shared" -}}
{{- if has "ReadWriteMany" .Values.pvc.accessModes }}true{{ end -}}
{{- end -}}

{{/* The most pods that there can be at once. */}}
{{- define "http-nas.mostPods" -}}
{{- .Values.autoscaling.enabled | ternary .Values.autoscaling.maxReplicas .Values.replicaCount | int -}}
{{- end -}}

{{/* Numbers of a values file are floating-point ones here, and would be printed as such. */}}
{{- define "http-nas.text" -}}
{{- if kindIs "string" . }}{{ . }}{{ else }}{{ int64 . }}{{ end -}}
{{- end -}}

{{/* A time as the server takes it, in seconds. */}}
{{- define "http-nas.seconds" -}}
{{- $text := include "http-nas.text" . -}}
{{- $factor := hasSuffix "h" $text | ternary 3600 (hasSuffix "m" $text | ternary 60 1) -}}
{{- mul (regexFind "^[0-9]+" $text | int64) $factor -}}
{{- end -}}

{{/* How long a pod serves on before it is told to end, or 0. An older Kubernetes would refuse the field. */}}
{{- define "http-nas.preStopSeconds" -}}
{{- $several := gt (include "http-nas.mostPods" . | int) 1 -}}
{{- $known := semverCompare ">=1.30.0-0" .Capabilities.KubeVersion.Version -}}
{{- and $several $known | ternary .Values.preStopSeconds 0 | int -}}
{{- end -}}

{{/* The shutdown timeout, and time to drop what has not ended by then. */}}
{{- define "http-nas.gracePeriod" -}}
{{- add (include "http-nas.seconds" .Values.server.shutdownTimeout) (include "http-nas.preStopSeconds" .) 10 -}}
{{- end -}}

{{/* The Secret with the access file; nothing where everybody may do everything. An empty list of tokens is a file
that lets nobody in. */}}
{{- define "http-nas.accessSecret" -}}
{{- $own := printf "%s-access" (include "http-nas.fullname" . | trunc 56 | trimSuffix "-") -}}
{{- $isOwn := not (kindIs "invalid" .Values.access.tokens) -}}
{{- .Values.access.existingSecret | default ($isOwn | ternary $own "") -}}
{{- end -}}

{{/* What the schema cannot say. */}}
{{- define "http-nas.validate" -}}
{{- $most := include "http-nas.mostPods" . | int -}}
{{- if and (gt $most 1) (not (include "http-nas.shared" .)) -}}
{{- fail (printf "%d pods cannot share a volume that is %s: set pvc.accessModes to [ReadWriteMany], or %s to 1" $most (join ", " .Values.pvc.accessModes) (.Values.autoscaling.enabled | ternary "autoscaling.maxReplicas" "replicaCount")) -}}
{{- end -}}
{{- range $name := list "idleTimeout" "keepAliveTimeout" "shutdownTimeout" -}}
{{- if gt (include "http-nas.seconds" (get $.Values.server $name) | int) 31536000 -}}
{{- fail (printf "server.%s is above a year" $name) -}}
{{- end -}}
{{- end -}}
{{- with .Values.autoscaling -}}
{{- if and .enabled (gt (int .minReplicas) (int .maxReplicas)) -}}
{{- fail (printf "autoscaling.minReplicas is %d, above maxReplicas, %d" (int .minReplicas) (int .maxReplicas)) -}}
{{- end -}}
{{- if and .enabled (not (or .targetCPUUtilizationPercentage .targetMemoryUtilizationPercentage)) -}}
{{- fail "autoscaling has nothing to go by: set targetCPUUtilizationPercentage or targetMemoryUtilizationPercentage" -}}
{{- end -}}
{{- end -}}
{{- with .Values.podDisruptionBudget -}}
{{- if and .enabled (not (kindIs "invalid" .minAvailable)) (not (kindIs "invalid" .maxUnavailable)) -}}
{{- fail "podDisruptionBudget takes one of minAvailable and maxUnavailable, not both" -}}
{{- end -}}
{{- end -}}
{{- include "http-nas.validateAccess" . -}}
{{- include "http-nas.validateServiceMonitor" . -}}
{{- end -}}

{{- define "http-nas.validateAccess" -}}
{{- with .Values.access -}}
{{- if and .existingSecret (not (kindIs "invalid" .tokens)) -}}
{{- fail "access takes one of existingSecret and tokens, not both" -}}
{{- end -}}
{{- $names := dict -}}
{{- $digests := dict -}}
{{- range .tokens -}}
{{- if hasKey $names .name -}}
{{- fail (printf "access.tokens has the name %s twice" .name) -}}
{{- end -}}
{{- $_ := set $names .name true -}}
{{- $name := .name -}}
{{- range .sha256 -}}
{{- if hasKey $digests (lower .) -}}
{{- fail (printf "access.tokens has a digest of %s twice: it would not be clear whose token it is" $name) -}}
{{- end -}}
{{- $_ := set $digests (lower .) true -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $storage := printf "%s/" (clean .Values.storagePath) -}}
{{- if and (include "http-nas.accessSecret" .) (or (hasPrefix $storage "/etc/http-nas/") (hasPrefix "/etc/http-nas/" $storage)) -}}
{{- fail (printf "storagePath is %s, and the access file is mounted on /etc/http-nas: neither can be in the other" .Values.storagePath) -}}
{{- end -}}
{{- end -}}

{{- define "http-nas.validateServiceMonitor" -}}
{{- with .Values.metrics.serviceMonitor -}}
{{- if and .enabled (not (has $.Values.server.allowedHosts (list "auto" "*"))) -}}
{{- fail "metrics.serviceMonitor: Prometheus asks pods by their addresses, which server.allowedHosts would not let in: set that to * or auto" -}}
{{- end -}}
{{- if and .interval .scrapeTimeout (gt (include "http-nas.seconds" .scrapeTimeout | int) (include "http-nas.seconds" .interval | int)) -}}
{{- fail (printf "metrics.serviceMonitor.scrapeTimeout is %s, above the interval, %s" .scrapeTimeout .interval) -}}
{{- end -}}
{{- end -}}
{{- end -}}
