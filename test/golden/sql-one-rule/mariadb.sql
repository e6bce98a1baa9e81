CREATE ROLE IF NOT EXISTS `pr_data.orders-writer_17e45cb1348aef8c` WITH ADMIN 'postern_owner'@'localhost'; -- DataRole/data/orders-writer (policy.yaml:21)
GRANT INSERT, SELECT, UPDATE ON `shop`.`orders` TO `pr_data.orders-writer_17e45cb1348aef8c`; -- DataRole/data/orders-writer (policy.yaml:24)
