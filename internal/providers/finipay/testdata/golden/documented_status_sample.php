<?php

$endpoint = 'https://{url}.finipay.kg/api/payment';
$username = 'your_username';
$password = 'your_password';

$data = [
    'orderId' => '8983219622',
    'language' => 'en'
];

$options = [
    'http' => [
        'header' => "Content-type: application/json\r\n",
        'method' => 'POST',
        'content' => json_encode($data),
        'header' => "Authorization: Basic " . base64_encode($username . ":" . $password) . "\r\n"
    ]
];

$context = stream_context_create($options);
$response = file_get_contents($endpoint, false, $context);

if ($response === false) {
    echo 'Error occurred while making the request.';
} else {
    echo $response;
}

?>
