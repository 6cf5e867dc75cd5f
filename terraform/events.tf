# What happened, told to whoever should know: an end of a job, an object, a failed backup.

locals {
  rules = {
    training-failed = {
      what = "A SageMaker training job failed or was stopped"
      pattern = {
        source      = ["aws.sagemaker"]
        detail-type = ["SageMaker Training Job State Change"]
        detail      = { TrainingJobStatus = ["Failed", "Stopped"] }
      }
    }
    processing-failed = {
      what = "A SageMaker processing job failed or was stopped"
      pattern = {
        source      = ["aws.sagemaker"]
        detail-type = ["SageMaker Processing Job State Change"]
        detail      = { ProcessingJobStatus = ["Failed", "Stopped"] }
      }
    }
    endpoint-failed = {
      what = "An endpoint could not be brought into service"
      pattern = {
        source      = ["aws.sagemaker"]
        detail-type = ["SageMaker Endpoint State Change"]
        detail      = { EndpointStatus = ["FAILED", "Failed", "UPDATE_ROLLBACK_FAILED", "UpdateRollbackFailed"] }
      }
    }
    workflow-failed = {
      what = "An execution of the state machine did not succeed"
      pattern = {
        source      = ["aws.states"]
        detail-type = ["Step Functions Execution Status Change"]
        detail = {
          stateMachineArn = ["arn:${local.partition}:states:${local.region}:${local.account}:stateMachine:${local.workflow}"]
          status          = ["FAILED", "TIMED_OUT", "ABORTED"]
        }
      }
    }
    backup-failed = {
      what = "A backup, a restore or a copy failed"
      pattern = {
        source      = ["aws.backup"]
        detail-type = ["Backup Job State Change", "Restore Job State Change", "Copy Job State Change"]
        # Backups and copies tell their `state`, restores their `status`.
        detail = { "$or" = [{ state = ["FAILED", "ABORTED", "EXPIRED"] }, { status = ["FAILED", "ABORTED"] }] }
      }
    }
  }
  # Kept in the event log: who wants to know later what happened when.
  recorded = {
    source = ["aws.sagemaker", "aws.states", "aws.s3"]
  }
}

resource "aws_cloudwatch_event_rule" "this" {
  for_each = local.rules

  name          = "${var.name}-${each.key}"
  description   = each.value.what
  event_pattern = jsonencode(each.value.pattern)
}

resource "aws_cloudwatch_event_target" "operators" {
  for_each = local.rules

  rule      = aws_cloudwatch_event_rule.this[each.key].name
  target_id = "operators"
  arn       = aws_sns_topic.alarms.arn
}

resource "aws_cloudwatch_event_rule" "record" {
  name          = "${var.name}-record"
  description   = "State changes of jobs, endpoints and executions, and new objects"
  event_pattern = jsonencode(local.recorded)
}

resource "aws_cloudwatch_event_target" "record" {
  rule      = aws_cloudwatch_event_rule.record.name
  target_id = "event-log"
  arn       = aws_cloudwatch_log_group.this["events"].arn
}
