locals {
  widgets = [
    {
      title = "Executions", metrics = [
        for each in ["ExecutionsStarted", "ExecutionsSucceeded", "ExecutionsFailed"] :
        ["AWS/States", each, "StateMachineArn", aws_sfn_state_machine.this.arn, { stat = "Sum" }]
      ]
    },
    {
      title = "Queues", metrics = [
        for each in [aws_sqs_queue.data.name, aws_sqs_queue.webhook.name, aws_sqs_queue.dead["data"].name, aws_sqs_queue.dead["webhook"].name] :
        ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", each, { stat = "Maximum" }]
      ]
    },
    {
      title = "MCP server", metrics = [
        for each in ["RequestCount", "HTTPCode_Target_5XX_Count", "TargetResponseTime"] :
        ["AWS/ApplicationELB", each, "LoadBalancer", aws_lb.mcp.arn_suffix]
      ]
    },
    {
      title = "Airflow", metrics = [
        for each in ["SchedulerHeartbeat", "TotalParseTime", "QueuedTasks", "RunningTasks"] :
        ["AmazonMWAA", each, "Function", "Scheduler", "Environment", local.airflow_name]
      ]
    },
    {
      title = "Runs table", metrics = [
        for each in ["ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits", "ReadThrottleEvents", "WriteThrottleEvents"] :
        ["AWS/DynamoDB", each, "TableName", aws_dynamodb_table.ledger.name, { stat = "Sum" }]
      ]
    },
    {
      title = "Functions", metrics = [
        for each in setproduct(["Invocations", "Errors"], [for each in aws_lambda_function.this : each.function_name]) :
        ["AWS/Lambda", each[0], "FunctionName", each[1], { stat = "Sum" }]
      ]
    },
  ]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name
  dashboard_body = jsonencode({
    widgets = [
      for index, each in local.widgets : {
        type       = "metric"
        x          = index % 2 * 12
        y          = floor(index / 2) * 6
        width      = 12
        height     = 6
        properties = { title = each.title, metrics = each.metrics, region = local.region, period = 300, view = "timeSeries" }
      }
    ]
  })
}
